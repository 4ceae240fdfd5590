import { setTimeout as wait } from 'node:timers/promises';
import type { Channel, ConfirmChannel } from 'amqplib';
import type { EventDefinition, MessageOf } from '#contracts/messages';
import type { Runtime } from '../../core/runtime';
import { type Backlog, observeBacklog } from '../backlog-metrics';
import { deliver, type Handling, type MessageContext } from '../delivery';
import type { Rabbit } from './client';
import { eventDelivery } from './delivery';
import { publisherOn } from './publisher';
import { declareConsumer, declareRetryQueues, declareRoute, parkedQueue, retryQueue } from './topology';

/** The next attempt waits so long: a hiccup, a restart, an outage. The last one is used again until attempts run out. */
const RETRY_DELAYS_MS = [1_000, 5_000, 30_000, 120_000, 600_000];
/** With those delays a message is given up after about an hour. */
const MAXIMUM_ATTEMPTS = 10;
/** RabbitMQ itself closes a channel that leaves a message unacknowledged for 30 minutes. */
const HANDLE_TIMEOUT_MS = 5 * 60_000;
/** What is running at the end of the process gets so long; then it goes back to its queue. */
const DRAIN_MS = 15_000;
/**
 * RabbitMQ 3.10, tried: when a quorum queue is deleted and declared again at once, as a publisher may, its consumers are
 * neither told nor handed anything again. So each subscription is looked at this often; two looks find it stalled.
 */
const CHECK_SUBSCRIPTION_MS = 3_000;

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
 * time and retries, not in order: handlers go by versions and by an inbox (see `kit/messaging/inbox`).
 */
export function consumeEvents<Definition extends EventDefinition>(
  runtime: Runtime,
  rabbit: Rabbit,
  options: EventConsumption<Definition>,
): void {
  const { consumer, events, prefetch } = options;
  const queue = { consumer, delaysMs: options.retryDelaysMs ?? RETRY_DELAYS_MS };
  const handling: Handling<Definition> = {
    source: consumer,
    definitions: events,
    handle: options.handle,
    maxAttempts: options.maxAttempts ?? MAXIMUM_ATTEMPTS,
    timeoutMs: HANDLE_TIMEOUT_MS,
  };
  const running = new Set<Promise<void>>();
  let handedOut = 0;

  const kept = rabbit.openChannel(`RabbitMQ consumer ${consumer}`, async (channel) => {
    await declare(channel, queue, events);
    await channel.prefetch(prefetch);
    const publisher = publisherOn(channel);
    const { consumerTag } = await channel.consume(consumer, (message) => {
      // The broker has cancelled the subscription, as when the queue was deleted: declared anew on a new channel.
      if (message === null) return void channel.close().catch(() => undefined);
      handedOut++;
      const delivering = deliver(runtime, handling, eventDelivery({ channel, publisher }, queue, message));
      running.add(delivering);
      void delivering.finally(() => running.delete(delivering));
    });
    closeWhenStalled(channel, consumer, () => ({ idle: running.size === 0, handedOut }));
    return consumerTag;
  });

  runtime.onClose(`events of ${consumer}`, async () => {
    const open = kept.current;
    if (open) await open.channel.cancel(open.prepared).catch(() => undefined);
    await Promise.race([Promise.all(running), wait(DRAIN_MS, undefined, { ref: false })]);
    await kept.close();
  });
  observeBacklog(runtime, consumer, async () => ({
    ...(await waitingIn((await kept.opened()).channel, queue)),
    reserved: running.size,
  }));
}

interface Queue {
  readonly consumer: string;
  readonly delaysMs: readonly number[];
}

async function declare(
  channel: ConfirmChannel,
  { consumer, delaysMs }: Queue,
  events: readonly EventDefinition[],
): Promise<void> {
  await declareConsumer(channel, consumer);
  await declareRetryQueues(channel, consumer, delaysMs);
  for (const event of events) {
    await declareRoute(channel, event);
    await channel.bindQueue(consumer, event.exchange, event.routingKey);
  }
}

/** Stalled: nobody is subscribed, or messages wait and an idle consumer has been handed none since the last look. */
function closeWhenStalled(
  channel: Channel,
  consumer: string,
  progress: () => { idle: boolean; handedOut: number },
): void {
  let waitedFrom: number | undefined;
  const timer = setInterval(async () => {
    try {
      const { consumerCount, messageCount } = await channel.checkQueue(consumer);
      const { idle, handedOut } = progress();
      const waiting = messageCount > 0 && idle;
      if (consumerCount === 0 || (waiting && waitedFrom === handedOut)) await channel.close();
      waitedFrom = waiting ? handedOut : undefined;
    } catch {
      // The channel has ended, which is noticed and mended where it was opened.
      clearInterval(timer);
    }
  }, CHECK_SUBSCRIPTION_MS);
  channel.once('close', () => clearInterval(timer));
}

async function waitingIn(channel: Channel, { consumer, delaysMs }: Queue): Promise<Backlog> {
  const count = async (queue: string) => (await channel.checkQueue(queue)).messageCount;
  const delayed = await Promise.all(delaysMs.map((delayMs) => count(retryQueue(consumer, delayMs))));
  return {
    ready: await count(consumer),
    delayed: delayed.reduce((sum, messages) => sum + messages, 0),
    parked: await count(parkedQueue(consumer)),
  };
}
