import type { Channel } from 'amqplib';
import type { EventDefinition } from '#contracts/messages';

/** The routing of an event, and the consumers whose queues must exist before it is published. */
export type EventRoute = Pick<EventDefinition, 'exchange' | 'routingKey' | 'consumers'>;

/**
 * How often RabbitMQ redelivers an unacknowledged message (its worker died, the connection was lost) before it parks it.
 * Failures of a handler are counted separately: they go through the retry queues.
 */
const DELIVERY_LIMIT = 20;

/** The queue of messages that wait for an operator. */
export const parkedQueue = (consumer: string): string => `${consumer}.parked`;

/** The queue of messages that wait `delayMs` for a retry. */
export const retryQueue = (consumer: string, delayMs: number): string => `${consumer}.retry.${delayMs}`;

/** Declares the exchange of an event, and the queues and bindings of its declared consumers. */
export async function declareRoute(channel: Channel, route: EventRoute): Promise<void> {
  await channel.assertExchange(route.exchange, 'topic', { durable: true });
  for (const consumer of route.consumers) {
    await declareConsumer(channel, consumer);
    await channel.bindQueue(consumer, route.exchange, route.routingKey);
  }
}

/**
 * Declares a consumer's queue and its parking queue. Publishers and consumers declare the same, in any order. Idempotent.
 */
export async function declareConsumer(channel: Channel, consumer: string): Promise<void> {
  await channel.assertQueue(parkedQueue(consumer), {
    durable: true,
    arguments: { 'x-queue-type': 'quorum' },
  });
  await channel.assertQueue(consumer, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      // Before RabbitMQ 4.0 there is no default limit.
      'x-delivery-limit': DELIVERY_LIMIT,
      ...deadLetterTo(parkedQueue(consumer)),
    },
  });
}

/**
 * Declares a retry queue for each delay, from which expired messages return to the consumer's queue. RabbitMQ expires
 * messages at the head of a queue only, so different delays cannot share a queue.
 */
export async function declareRetryQueues(
  channel: Channel,
  consumer: string,
  delaysMs: readonly number[],
): Promise<void> {
  for (const delayMs of delaysMs)
    await channel.assertQueue(retryQueue(consumer, delayMs), {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-message-ttl': delayMs, ...deadLetterTo(consumer) },
    });
}

/** The default strategy may lose messages in transfer; `at-least-once` (RabbitMQ 3.10) requires `reject-publish`. */
const deadLetterTo = (queue: string) => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': queue,
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
});
