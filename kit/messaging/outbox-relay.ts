import { backOffMs, sleep } from '../core/back-off';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import type { SpanRecorder } from '../core/span';
import type { Database } from '../mysql/database';
import type { Beanstalkd } from './beanstalkd/client';
import { claimRows, type Destination, markFailed, markSent, type OutboxRow, trimSent } from './outbox-claim';
import { observeOutbox } from './outbox-metrics';
import { type Published, publishInSpan } from './publishing-span';
import type { Rabbit } from './rabbit/client';

export interface OutboxRelay {
  /** Call it after a commit that wrote to the outbox: the rows are sent at once instead of within a second. */
  wake(): void;
}

/** Rows claimed together; as many are on their way to the broker at a time. */
const BATCH_ROWS = 200;
/** When nobody calls `wake`: rows of an instance that died, or whose next attempt has come. */
const POLL_MS = 1_000;
/** While the broker is away its rows are left alone; whether it is back costs nothing to ask. */
const AWAY_MS = 100;
/**
 * The rows of a batch are locked while they are sent. After this time no further one is begun; with a broker that does
 * not answer (5 s for each confirmation) the locks are held for 7.5 s at most.
 */
const SENDING_MS = 2_500;
/** Long enough to see what was sent yesterday. */
const RETAIN_HOURS = 24;
const TRIM_EVERY_MS = 10 * 60_000;
/** Another relay has what comes first, or the broker refuses: looked at again after about this long. */
const STUCK_PACE = { baseMs: 50, capMs: 1_000 };

/**
 * Sends what services wrote to the outbox, until the runtime ends. Any number of instances may relay one table:
 * rows are claimed with `FOR UPDATE SKIP LOCKED`, and rows of one aggregate go to a broker in the order they were
 * written, one confirmed before the next. A row counts as sent only once its broker has confirmed it; a crash in
 * between sends it again under the same message id, which consumers recognise by their inbox.
 *
 * @param retainHours sent rows are deleted after this long
 */
export function relayOutbox(
  runtime: Runtime,
  database: Database,
  brokers: { rabbit?: Rabbit; beanstalkd?: Beanstalkd; retainHours?: number },
): OutboxRelay {
  const routes: Route[] = [];
  if (brokers.rabbit) routes.push(rabbitRoute(brokers.rabbit));
  if (brokers.beanstalkd) routes.push(beanstalkdRoute(brokers.beanstalkd));
  const counters = observeOutbox(
    runtime,
    database,
    routes.map((route) => route.destination),
  );
  const stop = new AbortController();
  const alarms = routes.map(() => createAlarm(stop.signal));
  const loops = routes.map(async (route, index) => {
    for (let stuck = 0; !stop.signal.aborted; ) {
      const outcome = await relayOnce(route);
      if (outcome === 'sent') stuck = 0;
      else if (outcome === 'away') await sleep(AWAY_MS, stop.signal);
      else if (outcome === 'idle') await alarms[index]?.wait(POLL_MS);
      else await sleep(backOffMs(++stuck, STUCK_PACE), stop.signal);
    }
  });

  async function relayOnce(route: Route): Promise<'sent' | 'idle' | 'stuck' | 'away'> {
    if (!route.connected()) return 'away';
    try {
      const batch = await relayBatch(database, traced(route, runtime.spans));
      counters.sent.inc({ destination: route.destination }, batch.sent);
      counters.failures.inc({ destination: route.destination }, batch.failed.length);
      const [first] = batch.failed;
      if (first)
        runtime.log.warn(
          {
            destination: route.destination,
            rows: batch.failed.length,
            outbox_id: first.id,
            err: first.error,
          },
          'messages could not be sent and stay in the outbox',
        );
      if (batch.claimed === 0) return 'idle';
      return batch.sent > 0 ? 'sent' : 'stuck';
    } catch (failure) {
      if (!stop.signal.aborted)
        runtime.log.warn({ err: failure, destination: route.destination }, 'the outbox could not be relayed');
      return 'stuck';
    }
  }

  repeatEvery(runtime, 'trimming the outbox', { everyMs: TRIM_EVERY_MS }, () =>
    trimSent(database, brokers.retainHours ?? RETAIN_HOURS, runtime.closing),
  );

  runtime.onClose('outbox relay', async () => {
    stop.abort();
    await Promise.all(loops);
  });
  return {
    wake() {
      for (const alarm of alarms) alarm.ring();
    },
  };
}

interface Route {
  readonly destination: Destination;
  connected(): boolean;
  /** Resolves once the broker has confirmed the message. */
  send(row: OutboxRow): Promise<unknown>;
}

interface Batch {
  claimed: number;
  sent: number;
  failed: { id: number; error: string }[];
}

/** A span of each row sent that has one set aside for it. */
function traced(route: Route, spans: SpanRecorder | null): Route {
  if (spans === null) return route;
  const send = (row: OutboxRow) =>
    publishInSpan(
      spans,
      row.headers.publishing,
      () => publishedRow(row),
      () => route.send(row),
    );
  return { ...route, send };
}

function publishedRow({ headers, messageId, name, attempts }: OutboxRow): Published {
  const message = { messageId, name, attempt: attempts + 1 };
  if ('tube' in headers) return { ...message, system: 'beanstalkd', destination: headers.tube };
  return { ...message, system: 'rabbitmq', destination: headers.exchange, routingKey: headers.routing_key };
}

function relayBatch(database: Database, route: Route): Promise<Batch> {
  return database.transaction(
    async (transaction) => {
      const { claimed, aggregates } = await claimRows(transaction, route.destination, BATCH_ROWS);
      const until = performance.now() + SENDING_MS;
      const sent: number[] = [];
      const failed: Batch['failed'] = [];
      await Promise.all(
        aggregates.map(async (rows) => {
          for (const row of rows) {
            if (performance.now() > until) return;
            try {
              await route.send(row);
              sent.push(row.id);
            } catch (failure) {
              failed.push({
                id: row.id,
                error: failure instanceof Error ? failure.message : String(failure),
              });
              return;
            }
          }
        }),
      );
      await markSent(transaction, sent);
      await markFailed(transaction, failed);
      return { claimed, sent: sent.length, failed };
    },
    { isolationLevel: 'read committed' },
  );
}

const rabbitRoute = (rabbit: Rabbit): Route => ({
  destination: 'rabbitmq',
  connected: () => rabbit.connected,
  send({ headers, messageId, payload }) {
    if (!('exchange' in headers)) throw new Error('the row does not say which exchange it is for');
    const route = {
      exchange: headers.exchange,
      routingKey: headers.routing_key,
      consumers: headers.consumers,
    };
    return rabbit.publish(route, { id: messageId, body: Buffer.from(payload) });
  },
});

const beanstalkdRoute = (beanstalkd: Beanstalkd): Route => ({
  destination: 'beanstalkd',
  connected: () => beanstalkd.connected,
  send({ headers, payload }) {
    if (!('tube' in headers)) throw new Error('the row does not say which tube it is for');
    const delayMs = headers.due_at === undefined ? 0 : Date.parse(headers.due_at) - Date.now();
    return beanstalkd.put(headers.tube, Buffer.from(payload), {
      priority: headers.priority,
      ttrSeconds: headers.ttr_seconds,
      delaySeconds: Math.max(0, Math.ceil(delayMs / 1000)),
    });
  },
});

/** A wait that can be cut short; ringing while nobody waits cuts the next wait short. */
function createAlarm(stop: AbortSignal) {
  let rung = false;
  let sleeper: (() => void) | undefined;
  stop.addEventListener('abort', () => sleeper?.(), { once: true });
  return {
    ring() {
      rung = true;
      sleeper?.();
    },
    async wait(ms: number) {
      if (!rung && !stop.aborted)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          sleeper = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      sleeper = undefined;
      rung = false;
    },
  };
}
