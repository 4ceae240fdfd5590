import { Counter, Gauge } from 'prom-client';
import { sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import type { Beanstalkd } from '#kit/messaging/beanstalkd/client';
import type { OutboxRelay } from '#kit/messaging/outbox-relay';
import { publishInSpan } from '#kit/messaging/publishing-span';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import type { LikesStorage } from './deps';
import { readRedisOutboxEntry } from './redis-outbox-entry';
import { type Broker, claimMessages, countUnsent, settleMessages } from './redis-outbox-store';

const BATCH_MESSAGES = 200;
/** Without `wake`: for messages of an instance that died, or whose retry is due. */
const POLL_MS = 1_000;
/** While the broker is unavailable its messages are not claimed; checking the connection is free. */
const UNAVAILABLE_POLL_MS = 100;
/** The clients of both brokers time out after 5 s: a message leased for longer belongs to an instance that died. */
const LEASE_MS = 30_000;
const RETRY_MS = 1_000;

/**
 * Relays the outbox that the scripts write in Redis, until shutdown. `kit/messaging` has the outbox in MySQL; likes are in
 * Redis, so their messages must be there too to be written atomically with them. Any number of instances may relay: each
 * message is leased by one at a time, and removed only once its broker has confirmed it. After a crash it is sent again
 * with the same id. Each broker has an outbox of its own, so that one may be unavailable without affecting the other.
 */
export function relayRedisOutbox(
  runtime: Runtime,
  storage: LikesStorage,
  brokers: { beanstalkd: Beanstalkd; rabbit: Rabbit },
): OutboxRelay {
  const routes: Route[] = [
    beanstalkdRoute(runtime, brokers.beanstalkd),
    rabbitRoute(runtime, brokers.rabbit),
  ];
  const counters = createMetrics(runtime, storage, routes);
  const alarms = routes.map(() => createAlarm(runtime.closing));
  const loops = routes.map(async (route, index) => {
    while (!runtime.closing.aborted) {
      const outcome = await relayOnce(route);
      if (outcome === 'unavailable') await sleep(UNAVAILABLE_POLL_MS, runtime.closing);
      else if (outcome === 'idle') await alarms[index]?.wait(POLL_MS);
    }
  });

  async function relayOnce(route: Route): Promise<'sent' | 'idle' | 'unavailable'> {
    if (!route.connected()) return 'unavailable';
    try {
      const batch = await relayBatch(storage, route);
      counters.sent.inc({ destination: route.broker }, batch.sent);
      counters.failures.inc({ destination: route.broker }, batch.failures.length);
      if (batch.failures.length > 0)
        runtime.log.warn(
          { destination: route.broker, messages: batch.failures.length, err: batch.failures[0] },
          'publishing messages of the outbox failed; retrying',
        );
      return batch.sent > 0 ? 'sent' : 'idle';
    } catch (failure) {
      if (!runtime.closing.aborted)
        runtime.log.warn({ err: failure, destination: route.broker }, 'relaying the outbox failed; retrying');
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
  const messages = await claimMessages(storage, { broker, limit: BATCH_MESSAGES, leaseMs: LEASE_MS });
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
    const { definition, body, delaySeconds, publishing } = readRedisOutboxEntry(text);
    if (definition.kind !== 'job') throw new Error(`${definition.name} is not a job`);
    const { name, tube, priority, ttrSeconds } = definition;
    return publishInSpan(
      spans,
      publishing,
      () => ({ system: 'beanstalkd', destination: tube, messageId, name, attempt: 1 }),
      () => beanstalkd.put(tube, body, { id: messageId, priority, ttrSeconds, delaySeconds }),
    );
  },
});

const rabbitRoute = ({ spans }: Runtime, rabbit: Rabbit): Route => ({
  broker: 'rabbitmq',
  connected: () => rabbit.connected,
  send(messageId, text) {
    const { definition, body, publishing } = readRedisOutboxEntry(text);
    if (definition.kind !== 'event') throw new Error(`${definition.name} is not an event`);
    const { name, exchange, routingKey } = definition;
    return publishInSpan(
      spans,
      publishing,
      () => ({ system: 'rabbitmq', destination: exchange, routingKey, messageId, name, attempt: 1 }),
      () => rabbit.publish(definition, { id: messageId, body }),
    );
  },
});

/** A sleep that `ring` ends early; ringing while nobody waits ends the next one. */
function createAlarm(closing: AbortSignal) {
  let alarm = new AbortController();
  closing.addEventListener('abort', () => alarm.abort(), { once: true });
  return {
    ring: () => alarm.abort(),
    async wait(ms: number) {
      await sleep(ms, alarm.signal);
      alarm = new AbortController();
    },
  };
}

/** With the names of the metrics of the outboxes in MySQL. */
function createMetrics(runtime: Runtime, storage: LikesStorage, routes: readonly Route[]) {
  const registers = [runtime.metrics];
  const labelNames = ['destination'] as const;
  new Gauge({
    name: 'outbox_unsent_rows',
    help: 'Messages in the outbox that no broker has confirmed',
    labelNames,
    registers,
    async collect() {
      this.reset();
      for (const { broker } of routes) {
        // Without Redis this gauge is absent, and all other metrics are still served.
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
