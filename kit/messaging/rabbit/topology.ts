import type { Channel } from 'amqplib';
import type { EventDefinition } from '#contracts/messages';

/** The routing of an event, and the consumers whose queues must exist before it is published. */
export type EventRoute = Pick<EventDefinition, 'exchange' | 'routingKey' | 'consumers'>;

/**
 * How often RabbitMQ redelivers an unacknowledged message (its worker died, the connection was lost) before it parks it.
 * Failures of a handler are counted separately: they go through the retry queues.
 */
const DELIVERY_LIMIT = 20;

/**
 * An exchange bound to that of auth. The name `auth` is also that of a queue, and the broker's rights do not tell a queue
 * from an exchange: whoever may listen to one could read the other.
 */
export const REVOCATIONS_EXCHANGE = 'revocations';

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

/** Checks that the exchange of an event and the queues of its declared consumers exist, which needs no rights. */
export async function checkRoute(channel: Channel, route: EventRoute): Promise<void> {
  await channel.checkExchange(route.exchange);
  for (const consumer of route.consumers) await channel.checkQueue(consumer);
}

/**
 * Declares a consumer's queue and its parking queue. Publishers and consumers declare the same, in any order. Idempotent.
 */
export async function declareConsumer(channel: Channel, consumer: string): Promise<void> {
  for (const { name, ...options } of consumerQueues(consumer)) await channel.assertQueue(name, options);
}

/** The queues of a consumer, as they are declared: its own comes last. */
export const consumerQueues = (consumer: string): QueueDeclaration[] => [
  { name: parkedQueue(consumer), durable: true, arguments: { 'x-queue-type': 'quorum' } },
  {
    name: consumer,
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      // Before RabbitMQ 4.0 there is no default limit.
      'x-delivery-limit': DELIVERY_LIMIT,
      ...deadLetterTo(parkedQueue(consumer)),
    },
  },
];

export interface QueueDeclaration {
  readonly name: string;
  readonly durable: boolean;
  readonly arguments: Readonly<Record<string, string | number>>;
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
  for (const { name, ...options } of retryQueues(consumer, delaysMs))
    await channel.assertQueue(name, options);
}

/** For a glitch, a restart, an outage. The last delay is repeated until the attempts are used up. */
export const RETRY_DELAYS_MS = [1_000, 5_000, 30_000, 120_000, 600_000];

/** The retry queues of a consumer, as they are declared. */
export const retryQueues = (consumer: string, delaysMs: readonly number[]): QueueDeclaration[] =>
  delaysMs.map((delayMs) => ({
    name: retryQueue(consumer, delayMs),
    durable: true,
    arguments: { 'x-queue-type': 'quorum', 'x-message-ttl': delayMs, ...deadLetterTo(consumer) },
  }));

/** The default strategy may lose messages in transfer; `at-least-once` (RabbitMQ 3.10) requires `reject-publish`. */
const deadLetterTo = (queue: string) => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': queue,
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
});
