import type { Channel, ConsumeMessage } from 'amqplib';
import type { Delivery } from '../delivery';
import type { Publisher } from './publisher';
import { PUBLISHED_BY, type PublisherCheck } from './publisher-check';
import { parkedQueue, retryQueue } from './topology';

/** Header of messages in retry and parking queues: the number of failed attempts. */
const ATTEMPTS_MADE = 'x-attempts-made';

/**
 * The delivery of a message. Retrying and parking publish it to the respective queue and acknowledge it once the broker
 * has confirmed. A crash in between leaves it in both; the inbox deduplicates.
 *
 * @param queue.delaysMs delays of the consumer's retry queues, ascending
 * @param queue.publishers checks who has published the message
 */
export function eventDelivery(
  { channel, publisher }: { channel: Channel; publisher: Publisher },
  {
    consumer,
    delaysMs,
    publishers,
  }: { consumer: string; delaysMs: readonly number[]; publishers: PublisherCheck },
  message: ConsumeMessage,
): Delivery {
  const attempt = attemptsMade(message) + 1;
  const publishedBy = publishers.publisherOf(message);

  async function moveTo(queue: string, headers: Record<string, string | number>, expirationMs?: number) {
    await publisher.publish({
      exchange: '',
      routingKey: queue,
      body: message.content,
      messageId: messageIdOf(message),
      mandatory: true,
      headers: { ...headers, ...(publishedBy !== undefined && { [PUBLISHED_BY]: publishedBy }) },
      ...(expirationMs !== undefined && { expirationMs }),
    });
    channel.ack(message);
  }

  return {
    bytes: message.content,
    attempt,
    requirePublisher(definition) {
      if (definition.kind === 'event') publishers.require(message, definition);
    },
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

/** The delay after this attempt, or the shortest one that is not below `afterMs`. */
function retryDelay(delaysMs: readonly number[], attempt: number, afterMs: number | undefined): number {
  const longest = delaysMs.at(-1) ?? 1_000;
  const delay =
    afterMs === undefined ? delaysMs[attempt - 1] : delaysMs.find((delayMs) => delayMs >= afterMs);
  return delay ?? longest;
}

/** From half of the delay to all of it, so that messages that failed together are not retried together. */
const jittered = (delayMs: number): number => Math.round(delayMs * (0.5 + Math.random() / 2));

function attemptsMade(message: ConsumeMessage): number {
  const made: unknown = message.properties.headers?.[ATTEMPTS_MADE];
  return typeof made === 'number' ? made : 0;
}

/** Its id, or a new one for a message without. */
export function messageIdOf(message: Pick<ConsumeMessage, 'properties'>): string {
  const id: unknown = message.properties.messageId;
  return typeof id === 'string' ? id : Bun.randomUUIDv7();
}
