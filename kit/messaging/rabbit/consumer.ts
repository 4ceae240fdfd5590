import { setTimeout as wait } from 'node:timers/promises';
import type { Channel, ConfirmChannel } from 'amqplib';
import type { EventDefinition, MessageOf } from '#contracts/messages';
import type { Runtime } from '../../core/runtime';
import { type Backlog, observeBacklog } from '../backlog-metrics';
import { type ConsumerSettings, deliver, type MessageContext } from '../delivery';
import { deliveryMetrics } from '../delivery-metrics';
import type { Rabbit } from './client';
import { closeChannel } from './connection';
import { eventDelivery } from './delivery';
import { erasingParked } from './erasure';
import { publisherOn } from './publisher';
import { publisherCheck } from './publisher-check';
import {
  declareConsumer,
  declareRetryQueues,
  declareRoute,
  parkedQueue,
  RETRY_DELAYS_MS,
  retryQueue,
} from './topology';

/** With these delays a message is parked after about an hour. */
const MAX_ATTEMPTS = 10;
/** RabbitMQ closes a channel with a message unacknowledged for 30 minutes. */
const HANDLE_TIMEOUT_MS = 5 * 60_000;
/** How long running messages may take at shutdown; then they are requeued. */
const DRAIN_MS = 15_000;
/**
 * When a quorum queue is deleted and declared again immediately, as a publisher may do, RabbitMQ 3.10 neither cancels its
 * consumers nor delivers to them again (observed). So each subscription is checked this often; two checks detect a stall.
 */
const CHECK_SUBSCRIPTION_MS = 3_000;

export interface EventConsumption<Definition extends EventDefinition> {
  /** The name of the queue, shared by the instances of a service or worker. */
  readonly consumer: string;
  readonly events: readonly Definition[];
  readonly handle: (message: MessageOf<Definition>, context: MessageContext) => Promise<void>;
  /** Messages handled concurrently. */
  readonly prefetch: number;
  /** Delays before each retry: 1 s, 5 s, 30 s, 2 min, then 10 min by default. */
  readonly retryDelaysMs?: readonly number[];
  /** 10 by default. */
  readonly maxAttempts?: number;
  /** Whether what is parked is kept when a person it names is erased, as the law may require; false by default. */
  readonly keepsParked?: boolean;
  /** Removes what is parked elsewhere and names an erased person; idempotent, called with each search of `erasingParked`. */
  readonly eraseElsewhere?: (personId: string) => Promise<void>;
}

/**
 * Consumes events from the queue `<consumer>`, which it declares and binds, until the runtime shuts down; subscribes again
 * after a reconnect. An event is acknowledged only once it is settled: handled, confirmed in a retry queue, or confirmed in
 * `<consumer>.parked` with `x-parked-reason`. Delivery is at least once and, with concurrency and retries, not in order:
 * handlers rely on versions and on an inbox (see `kit/messaging/inbox`). What is parked follows erasures (`erasingParked`).
 */
export function consumeEvents<Definition extends EventDefinition>(
  runtime: Runtime,
  rabbit: Rabbit,
  options: EventConsumption<Definition>,
): void {
  const { consumer, events, prefetch } = options;
  const queue = { consumer, delaysMs: options.retryDelaysMs ?? RETRY_DELAYS_MS };
  const { handle, maxAttempts = MAX_ATTEMPTS, eraseElsewhere } = options;
  const settings: Omit<ConsumerSettings<Definition>, 'handle'> = {
    source: consumer,
    definitions: events,
    maxAttempts,
    timeoutMs: HANDLE_TIMEOUT_MS,
    metrics: deliveryMetrics(runtime, consumer),
  };
  const publishers = publisherCheck(runtime.identity, rabbit);
  const handleOf =
    options.keepsParked === true
      ? () => handle
      : erasingParked(rabbit, publishers, { ...queue, events, handle, maxAttempts, eraseElsewhere });
  const running = new Set<Promise<void>>();
  let delivered = 0;

  const subscription = rabbit.openChannel(`RabbitMQ consumer ${consumer}`, async (channel) => {
    // The channel closes when it does not exist yet, and is opened again.
    await (rabbit.isOwnUser ? checkQueues(channel, queue) : declare(channel, queue, events));
    await channel.prefetch(prefetch);
    const publisher = publisherOn(channel, {
      user: rabbit.user,
      // A message that could be neither retried nor parked is delivered again once its channel has closed.
      onUnconfirmed: () => void closeChannel(channel),
    });
    const { consumerTag } = await channel.consume(consumer, (message) => {
      // The broker has canceled the subscription, for example because the queue was deleted: start over on a new channel.
      if (message === null) return void closeChannel(channel);
      delivered++;
      const delivering = deliver(
        runtime,
        { ...settings, handle: handleOf(message) },
        eventDelivery({ channel, publisher }, { ...queue, publishers }, message),
      );
      running.add(delivering);
      void delivering.finally(() => running.delete(delivering));
    });
    closeWhenStalled(channel, consumer, () => ({ idle: running.size === 0, delivered }));
    return consumerTag;
  });

  runtime.onClose(`events of ${consumer}`, async () => {
    const open = subscription.current;
    if (open) await open.channel.cancel(open.prepared).catch(() => undefined);
    await Promise.race([Promise.all(running), wait(DRAIN_MS, undefined, { ref: false })]);
    await subscription.close();
  });
  observeBacklog(runtime, consumer, async () => ({
    ...(await backlogOf((await subscription.opened()).channel, queue)),
    reserved: running.size,
  }));
}

interface Queue {
  readonly consumer: string;
  readonly delaysMs: readonly number[];
}

async function checkQueues(channel: ConfirmChannel, { consumer, delaysMs }: Queue): Promise<void> {
  await channel.checkQueue(parkedQueue(consumer));
  for (const delayMs of delaysMs) await channel.checkQueue(retryQueue(consumer, delayMs));
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

/** Stalled: no consumer is subscribed, or messages are ready and an idle consumer received none since the last check. */
function closeWhenStalled(
  channel: Channel,
  consumer: string,
  progress: () => { idle: boolean; delivered: number },
): void {
  let waitingSince: number | undefined;
  const timer = setInterval(async () => {
    try {
      const { consumerCount, messageCount } = await channel.checkQueue(consumer);
      const { idle, delivered } = progress();
      const waiting = messageCount > 0 && idle;
      if (consumerCount === 0 || (waiting && waitingSince === delivered)) await channel.close();
      waitingSince = waiting ? delivered : undefined;
    } catch {
      // The channel has closed, and is reopened elsewhere.
      clearInterval(timer);
    }
  }, CHECK_SUBSCRIPTION_MS);
  channel.once('close', () => clearInterval(timer));
}

async function backlogOf(channel: Channel, { consumer, delaysMs }: Queue): Promise<Backlog> {
  const count = async (queue: string) => (await channel.checkQueue(queue)).messageCount;
  const delayed = await Promise.all(delaysMs.map((delayMs) => count(retryQueue(consumer, delayMs))));
  return {
    ready: await count(consumer),
    delayed: delayed.reduce((sum, messages) => sum + messages, 0),
    parked: await count(parkedQueue(consumer)),
  };
}
