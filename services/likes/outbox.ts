import { Counter, Gauge } from 'prom-client';
import { sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import type { Beanstalkd } from '#kit/messaging/beanstalkd/client';
import { publishInSpan } from '#kit/messaging/publishing-span';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { readOutboxEntry } from './outbox-entry';
import { type Broker, claimMessages, countUnsent, type LikesStorage, settleMessages } from './store';

export interface OutboxRelay {
  /** Call it after a script that sends: the messages leave at once instead of within a second. */
  wake(): void;
}

const BATCH = 200;
/** When nobody calls `wake`: messages of an instance that died, or whose next attempt has come. */
const POLL_MS = 1_000;
/** While the broker is away its messages are left alone; whether it is back costs nothing to ask. */
const AWAY_MS = 100;
/** Both brokers' clients give up after 5 s: what is held for longer belongs to an instance that has died. */
const HELD_MS = 30_000;
const RETRY_MS = 1_000;

/**
 * Sends what the scripts put into the outbox in Redis, until the runtime ends. Any number of instances may do so: each
 * message is held by one of them at a time. It is removed only when its broker has confirmed it; a crash in between
 * sends it again, with the same id. Each broker has an outbox of its own, so that one may be away without the other.
 */
export function relayOutbox(
  runtime: Runtime,
  storage: LikesStorage,
  brokers: { beanstalkd: Beanstalkd; rabbit: Rabbit },
): OutboxRelay {
  const routes: Route[] = [
    beanstalkdRoute(runtime, brokers.beanstalkd),
    rabbitRoute(runtime, brokers.rabbit),
  ];
  const counters = observe(runtime, storage, routes);
  const alarms = routes.map(() => createAlarm(runtime.closing));
  const loops = routes.map(async (route, index) => {
    while (!runtime.closing.aborted) {
      const outcome = await relayOnce(route);
      if (outcome === 'away') await sleep(AWAY_MS, runtime.closing);
      else if (outcome === 'idle') await alarms[index]?.wait(POLL_MS);
    }
  });

  async function relayOnce(route: Route): Promise<'sent' | 'idle' | 'away'> {
    if (!route.connected()) return 'away';
    try {
      const batch = await relayBatch(storage, route);
      counters.sent.inc({ destination: route.broker }, batch.sent);
      counters.failures.inc({ destination: route.broker }, batch.failures.length);
      if (batch.failures.length > 0)
        runtime.log.warn(
          { destination: route.broker, messages: batch.failures.length, err: batch.failures[0] },
          'messages could not be sent and stay in the outbox',
        );
      return batch.sent > 0 ? 'sent' : 'idle';
    } catch (failure) {
      if (!runtime.closing.aborted)
        runtime.log.warn({ err: failure, destination: route.broker }, 'the outbox could not be relayed');
      return 'idle';
    }
  }

  runtime.onClose('outbox relay', async () => void (await Promise.all(loops)));
  return {
    wake() {
      for (const alarm of alarms) alarm.ring();
    },
  };
}

interface Route {
  readonly broker: Broker;
  connected(): boolean;
  /** Resolves once the broker has confirmed the message. */
  send(id: string, text: string): Promise<unknown>;
}

async function relayBatch(storage: LikesStorage, { broker, send }: Route) {
  const messages = await claimMessages(storage, { broker, limit: BATCH, heldMs: HELD_MS });
  const sent: string[] = [];
  const unsent: string[] = [];
  const failures: unknown[] = [];
  await Promise.all(
    messages.map(async ([id, text]) => {
      try {
        await send(id, text);
        sent.push(id);
      } catch (failure) {
        unsent.push(id);
        failures.push(failure);
      }
    }),
  );
  if (messages.length > 0) await settleMessages(storage, { broker, sent, unsent, retryMs: RETRY_MS });
  return { sent: sent.length, failures };
}

const beanstalkdRoute = ({ spans }: Runtime, beanstalkd: Beanstalkd): Route => ({
  broker: 'beanstalkd',
  connected: () => beanstalkd.connected,
  send(messageId, text) {
    const { definition, body, delaySeconds, publishing } = readOutboxEntry(text);
    if (definition.kind !== 'job') throw new Error(`${definition.name} is not for beanstalkd`);
    const { name, tube, priority, ttrSeconds } = definition;
    return publishInSpan(
      spans,
      publishing,
      () => ({ system: 'beanstalkd', destination: tube, messageId, name, attempt: 1 }),
      () => beanstalkd.put(tube, body, { priority, ttrSeconds, delaySeconds }),
    );
  },
});

const rabbitRoute = ({ spans }: Runtime, rabbit: Rabbit): Route => ({
  broker: 'rabbitmq',
  connected: () => rabbit.connected,
  send(messageId, text) {
    const { definition, body, publishing } = readOutboxEntry(text);
    if (definition.kind !== 'event') throw new Error(`${definition.name} is not for RabbitMQ`);
    const { name, exchange, routingKey } = definition;
    return publishInSpan(
      spans,
      publishing,
      () => ({ system: 'rabbitmq', destination: exchange, routingKey, messageId, name, attempt: 1 }),
      () => rabbit.publish(definition, { id: messageId, body }),
    );
  },
});

/** A wait that can be cut short; ringing while nobody waits cuts the next wait short. */
function createAlarm(closing: AbortSignal) {
  let cut = new AbortController();
  closing.addEventListener('abort', () => cut.abort(), { once: true });
  return {
    ring: () => cut.abort(),
    async wait(ms: number) {
      await sleep(ms, cut.signal);
      cut = new AbortController();
    },
  };
}

/** Under the names that the outboxes in MySQL use as well. */
function observe(runtime: Runtime, storage: LikesStorage, routes: readonly Route[]) {
  const registers = [runtime.metrics];
  const labelNames = ['destination'] as const;
  new Gauge({
    name: 'outbox_unsent_rows',
    help: 'Messages in the outbox the broker has not confirmed',
    labelNames,
    registers,
    async collect() {
      this.reset();
      for (const { broker } of routes) {
        // Without Redis there is nothing to tell; metrics of everything else are still worth having.
        const unsent = await countUnsent(storage, broker).catch(() => undefined);
        if (unsent !== undefined) this.set({ destination: broker }, unsent);
      }
    },
  });
  return {
    sent: new Counter({
      name: 'outbox_sent_total',
      help: 'Messages of the outbox confirmed by a broker',
      labelNames,
      registers,
    }),
    failures: new Counter({
      name: 'outbox_failures_total',
      help: 'Attempts to send a message of the outbox that were not confirmed',
      labelNames,
      registers,
    }),
  };
}
