import { setTimeout as wait } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { EventDefinition, MessageOf } from '#contracts/messages';
import { observeBacklog } from './backlog-metrics';
import { type Delivery, deliver, type Handling, type MessageContext } from './message-delivery';
import type { Rabbit } from './rabbit';
import { type Publisher, publisherOn } from './rabbit-publisher';
import {
  declareConsumer,
  declareRetryQueues,
  declareRoute,
  parkedQueue,
  retryQueue,
} from './rabbit-topology';
import type { Runtime } from './runtime';

/** The next attempt waits so long: a hiccup, a restart, an outage. The last one is used again until attempts run out. */
const RETRY_DELAYS_MS = [1_000, 5_000, 30_000, 120_000, 600_000];
/** With those delays a message is given up after about an hour. */
const MAXIMUM_ATTEMPTS = 10;
/** RabbitMQ itself closes a channel that leaves a message unacknowledged for 30 minutes. */
const HANDLE_TIMEOUT_MS = 5 * 60_000;
/** What is running at the end of the process gets so long; then it goes back to its queue. */
const DRAIN_MS = 15_000;
const ATTEMPTS_MADE = 'x-attempts-made';

export interface EventConsumption<Definition extends EventDefinition> {
  /** Names the queue; one for each service or worker, shared by its instances. */
  readonly consumer: string;
  readonly events: readonly Definition[];
  readonly handle: (message: MessageOf<Definition>, context: MessageContext) => Promise<void>;
  /** How many are handled at a time. */
  readonly prefetch: number;
  /** Milliseconds before each further attempt. */
  readonly retryDelaysMs?: readonly number[];
  readonly maxAttempts?: number;
}

/**
 * Takes events from the queue `<consumer>`, which it declares and binds, until the runtime ends; subscribes again
 * whenever the connection is back. An event is acknowledged only after it is settled: handled, or confirmed in a retry
 * queue, or confirmed in `<consumer>.parked` with `x-parked-reason`. Delivery is at least once and, with several at a
 * time and retries, not in order: handlers go by versions and by an inbox (see `kit/inbox`).
 */
export function consumeEvents<Definition extends EventDefinition>(
  runtime: Runtime,
  rabbit: Rabbit,
  options: EventConsumption<Definition>,
): void {
  const { consumer, events, prefetch } = options;
  const delaysMs = options.retryDelaysMs ?? RETRY_DELAYS_MS;
  const handling: Handling<Definition> = {
    source: consumer,
    definitions: events,
    handle: options.handle,
    maxAttempts: options.maxAttempts ?? MAXIMUM_ATTEMPTS,
    timeoutMs: HANDLE_TIMEOUT_MS,
  };
  const running = new Set<Promise<void>>();

  const kept = rabbit.keepChannel(`RabbitMQ consumer ${consumer}`, async (channel) => {
    await declareConsumer(channel, consumer);
    await declareRetryQueues(channel, consumer, delaysMs);
    for (const event of events) {
      await declareRoute(channel, event);
      await channel.bindQueue(consumer, event.exchange, event.routingKey);
    }
    await channel.prefetch(prefetch);
    const publisher = publisherOn(channel);
    const { consumerTag } = await channel.consume(consumer, (message) => {
      // The broker has cancelled the subscription, as when the queue was deleted: declared anew on a new channel.
      if (message === null) return void channel.close().catch(() => undefined);
      const delivering = deliver(runtime, handling, deliveryOf(channel, publisher, message));
      running.add(delivering);
      void delivering.finally(() => running.delete(delivering));
    });
    return consumerTag;
  });

  runtime.onClose(`events of ${consumer}`, async () => {
    const open = kept.current;
    if (open) await open.channel.cancel(open.prepared).catch(() => undefined);
    await Promise.race([Promise.all(running), wait(DRAIN_MS, undefined, { ref: false })]);
    await kept.close();
  });
  observeBacklog(runtime, consumer, async () => {
    const { channel } = await kept.opened();
    const ready = await channel.checkQueue(consumer);
    const parked = await channel.checkQueue(parkedQueue(consumer));
    const delayed = await Promise.all(
      delaysMs.map((delayMs) => channel.checkQueue(retryQueue(consumer, delayMs))),
    );
    return {
      ready: ready.messageCount,
      reserved: running.size,
      delayed: delayed.reduce((sum, queue) => sum + queue.messageCount, 0),
      parked: parked.messageCount,
    };
  });

  function deliveryOf(channel: Channel, publisher: Publisher, message: ConsumeMessage): Delivery {
    const attempt = attemptsMade(message) + 1;
    const moveTo = async (queue: string, headers: Record<string, string | number>, expirationMs?: number) => {
      await publisher.publish({
        exchange: '',
        routingKey: queue,
        body: message.content,
        messageId: messageIdOf(message),
        mandatory: true,
        headers,
        ...(expirationMs !== undefined && { expirationMs }),
      });
      channel.ack(message);
    };
    return {
      bytes: message.content,
      attempt,
      acknowledge: async () => channel.ack(message),
      async retry(afterMs) {
        const delayMs = retryDelay(delaysMs, attempt, afterMs);
        await moveTo(retryQueue(consumer, delayMs), { [ATTEMPTS_MADE]: attempt }, jittered(delayMs));
      },
      park: (reason) =>
        moveTo(parkedQueue(consumer), {
          'x-parked-reason': reason,
          'x-parked-at': new Date().toISOString(),
          [ATTEMPTS_MADE]: attempt,
        }),
    };
  }
}

/** The delay for the attempt just made, or the shortest that is long enough for what the handler asked. */
function retryDelay(delaysMs: readonly number[], attempt: number, afterMs: number | undefined): number {
  const longest = delaysMs.at(-1) ?? 1_000;
  const asked =
    afterMs === undefined ? delaysMs[attempt - 1] : delaysMs.find((delayMs) => delayMs >= afterMs);
  return asked ?? longest;
}

/** Half of the delay up to the whole, so that what failed together does not come again together. */
const jittered = (delayMs: number): number => Math.round(delayMs * (0.5 + Math.random() / 2));

function attemptsMade(message: ConsumeMessage): number {
  const made: unknown = message.properties.headers?.[ATTEMPTS_MADE];
  return typeof made === 'number' ? made : 0;
}

function messageIdOf(message: ConsumeMessage): string {
  const id: unknown = message.properties.messageId;
  return typeof id === 'string' ? id : Bun.randomUUIDv7();
}
