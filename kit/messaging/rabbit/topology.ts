import type { Channel } from 'amqplib';
import type { EventDefinition } from '#contracts/messages';

/** Where an event goes, and whose queues must exist before. */
export type EventRoute = Pick<EventDefinition, 'exchange' | 'routingKey' | 'consumers'>;

/**
 * How often RabbitMQ hands out a message that is not acknowledged (its worker died, the connection broke) before it
 * parks it. Failures a handler reports are counted apart: they go through the retry queues.
 */
const DELIVERY_LIMIT = 20;

/** Where what a consumer could not do waits for an operator. */
export const parkedQueue = (consumer: string): string => `${consumer}.parked`;

export const retryQueue = (consumer: string, delayMs: number): string => `${consumer}.retry.${delayMs}`;

/** Declares the exchange of an event, and the queues and bindings of the consumers that must not miss it. */
export async function declareRoute(channel: Channel, route: EventRoute): Promise<void> {
  await channel.assertExchange(route.exchange, 'topic', { durable: true });
  for (const consumer of route.consumers) {
    await declareConsumer(channel, consumer);
    await channel.bindQueue(consumer, route.exchange, route.routingKey);
  }
}

/**
 * Declares a consumer's queue and its parking queue. Publishers and consumers declare the same, so it does not
 * matter who comes first; declaring again changes nothing.
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
      // Before RabbitMQ 4.0 there is no limit unless it is given.
      'x-delivery-limit': DELIVERY_LIMIT,
      ...deadLetterTo(parkedQueue(consumer)),
    },
  });
}

/**
 * Declares one queue for each delay, from which messages go back when their time is over. RabbitMQ expires messages
 * at a queue's head only, so delays of different lengths cannot share a queue.
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

/** The default strategy may lose a message on its way; `at-least-once` (RabbitMQ 3.10) needs `reject-publish`. */
const deadLetterTo = (queue: string) => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': queue,
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
});
