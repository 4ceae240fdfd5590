import { backOffMs, sleep } from '../core/back-off';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import type { SpanRecorder } from '../core/span';
import { createWaker } from '../core/waker';
import type { Database } from '../mysql/database';
import type { JobOptions } from './beanstalkd/client';
import { BeanstalkdError } from './beanstalkd/connection';
import {
  type Claim,
  type Destination,
  type FailedRow,
  markFailed,
  markSent,
  type OutboxRow,
  prepareClaim,
  releaseRows,
  trimSent,
} from './outbox-claim';
import { observeOutbox } from './outbox-metrics';
import { type Published, publishInSpan } from './publishing-span';
import type { Rabbit } from './rabbit/client';
import { PublishRefused, PublishUnavailable } from './rabbit/publisher';

/** beanstalkd, or what stands before it. */
export interface JobSender {
  readonly connected: boolean;
  /** Resolves once the job is done, or the server has it. @throws BeanstalkdError, as `Beanstalkd.put` */
  put(tube: string, bytes: Buffer, options: JobOptions): Promise<unknown>;
}

export interface OutboxRelay {
  /** Call it after a commit that wrote to the outbox: the rows are sent immediately instead of within a second. */
  wake(): void;
}

/** Rows claimed together, and the maximum in flight to the broker. */
const BATCH_ROWS = 200;
/** Without `wake`: for rows of an instance that died, or that are due for another attempt. */
const POLL_MS = 1_000;
/** Under load batches start this far apart, so that they grow: a batch costs four statements, a row in it next to nothing. */
const PACE_MS = 50;
/** While the broker is unavailable no rows are claimed; checking the connection costs nothing. */
const UNAVAILABLE_MS = 100;
/**
 * No row of a batch is started later than this after its claim was begun; with a broker that does not respond (5 s for each
 * confirmation) the claim is needed for 7.5 s at most.
 */
const SENDING_MS = 2_500;
/** Long enough to inspect what was sent yesterday; its content is gone. */
const RETAIN_HOURS = 24;
const TRIM_EVERY_MS = 10 * 60_000;
/** When another relay holds the rows that come first, or the broker rejects them. */
const STUCK_PACE = { baseMs: 50, capMs: 1_000 };

/**
 * Relays the outbox to the brokers until the runtime shuts down. Any number of instances may relay one table: each claims its
 * rows for ten seconds, and rows of one aggregate are sent to a broker in the order they were written, each confirmed before
 * the next. A row counts as sent only once its broker has confirmed it; after a crash in between it is sent again, when its
 * claim has ended, under the same message id, which consumers deduplicate by their inbox.
 *
 * A row that its broker refuses is set aside with the reason and retried with back-off, and holds back its own aggregate only;
 * `make parked` lists it. An outage of the broker is no attempt.
 *
 * @param brokers.retainHours sent rows are deleted after this long; 24 by default
 */
export function relayOutbox(
  runtime: Runtime,
  database: Database,
  brokers: {
    rabbit?: Pick<Rabbit, 'connected' | 'publish'>;
    beanstalkd?: JobSender;
    retainHours?: number;
  },
): OutboxRelay {
  const routes: Route[] = [];
  if (brokers.rabbit) routes.push(rabbitRoute(brokers.rabbit));
  if (brokers.beanstalkd) routes.push(beanstalkdRoute(brokers.beanstalkd));
  const counters = observeOutbox(
    runtime,
    database,
    routes.map((route) => route.destination),
  );
  const claims = new Map(
    routes.map((route) => [route, prepareClaim(database, route.destination, BATCH_ROWS)] as const),
  );
  const stop = new AbortController();
  const wakers = routes.map(() => createWaker());
  const loops = routes.map(async (route, index) => {
    for (let stuck = 0; !stop.signal.aborted; ) {
      const startedAt = performance.now();
      const outcome = await relayOnce(route);
      if (outcome === 'sent' || outcome === 'idle') stuck = 0;
      if (outcome === 'sent') continue;
      if (outcome === 'unavailable') await sleep(UNAVAILABLE_MS, stop.signal);
      else if (outcome === 'idle') {
        await wakers[index]?.wait(POLL_MS);
        const restMs = startedAt + PACE_MS - performance.now();
        if (restMs > 0) await sleep(restMs, stop.signal);
      } else await sleep(backOffMs(++stuck, STUCK_PACE), stop.signal);
    }
  });
  const wake = () => {
    for (const waker of wakers) waker.wake();
  };

  async function relayOnce(route: Route): Promise<'sent' | 'idle' | 'stuck' | 'unavailable'> {
    if (!route.connected()) return 'unavailable';
    try {
      const untilMs = performance.now() + SENDING_MS;
      const claim = await claims.get(route)?.();
      if (claim === null || claim === undefined) return 'idle';
      const batch = await relayBatch(database, claim, traced(route, runtime.spans), untilMs);
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
          'Sending messages failed; they remain in the outbox',
        );
      // What was written since has woken the relay.
      if (batch.due < BATCH_ROWS && batch.sent === batch.due) return 'idle';
      if (batch.sent > 0) return 'sent';
      return batch.isOutage ? 'unavailable' : 'stuck';
    } catch (failure) {
      if (!stop.signal.aborted)
        runtime.log.warn({ err: failure, destination: route.destination }, 'Relaying the outbox failed');
      return 'stuck';
    }
  }

  repeatEvery(runtime, 'trimming the outbox', { everyMs: TRIM_EVERY_MS }, () =>
    trimSent(database, brokers.retainHours ?? RETAIN_HOURS, runtime.closing),
  );

  runtime.onClose('outbox relay', async () => {
    stop.abort();
    wake();
    await Promise.all(loops);
  });
  return { wake };
}

interface Route {
  readonly destination: Destination;
  connected(): boolean;
  /** Resolves once the broker has confirmed the message. */
  send(row: OutboxRow): Promise<unknown>;
  /** Whether a failure says nothing about the row, because the broker is unavailable: it is then no attempt. */
  isOutage(failure: unknown): boolean;
}

interface Batch {
  readonly due: number;
  readonly sent: number;
  readonly failed: readonly FailedRow[];
  /** The broker became unavailable meanwhile. */
  readonly isOutage: boolean;
}

/** Records the publishing span of each row that has one. */
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

async function relayBatch(database: Database, claim: Claim, route: Route, untilMs: number): Promise<Batch> {
  const sent: number[] = [];
  const failed: FailedRow[] = [];
  const left = new Set(claim.aggregates.flat().map(({ id }) => id));
  let isOutage = false;
  await Promise.all(
    claim.aggregates.map(async (rows) => {
      for (const row of rows) {
        if (performance.now() > untilMs) return;
        try {
          await route.send(row);
          sent.push(row.id);
          left.delete(row.id);
        } catch (failure) {
          if (route.isOutage(failure)) isOutage = true;
          else {
            failed.push(failedRow(row, failure));
            left.delete(row.id);
          }
          return;
        }
      }
    }),
  );
  await markSent(database, sent);
  await markFailed(database, claim.id, failed);
  await releaseRows(database, claim.id, [...left]);
  return { due: claim.due, sent: sent.length, failed, isOutage };
}

const failedRow = (row: OutboxRow, failure: unknown): FailedRow => ({
  id: row.id,
  error: failure instanceof Error ? failure.message : String(failure),
  isRefused: failure instanceof PublishRefused || failure instanceof BeanstalkdError,
});

const rabbitRoute = (rabbit: Pick<Rabbit, 'connected' | 'publish'>): Route => ({
  destination: 'rabbitmq',
  connected: () => rabbit.connected,
  isOutage: (failure) => failure instanceof PublishUnavailable,
  send({ headers, messageId, payload }) {
    if (!('exchange' in headers)) throw new Error('The row names no exchange');
    const route = {
      exchange: headers.exchange,
      routingKey: headers.routing_key,
      consumers: headers.consumers,
    };
    return rabbit.publish(route, { id: messageId, body: Buffer.from(payload) });
  },
});

const beanstalkdRoute = (beanstalkd: JobSender): Route => ({
  destination: 'beanstalkd',
  connected: () => beanstalkd.connected,
  isOutage: (failure) => failure instanceof BeanstalkdError && failure.word === undefined,
  send({ headers, messageId, payload }) {
    if (!('tube' in headers)) throw new Error('The row names no tube');
    const delayMs = headers.due_at === undefined ? 0 : Date.parse(headers.due_at) - Date.now();
    return beanstalkd.put(headers.tube, Buffer.from(payload), {
      id: messageId,
      priority: headers.priority,
      ttrSeconds: headers.ttr_seconds,
      delaySeconds: Math.max(0, Math.ceil(delayMs / 1000)),
    });
  },
});
