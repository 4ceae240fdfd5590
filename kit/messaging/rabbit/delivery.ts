import type { Channel, ConsumeMessage } from 'amqplib';
import type { Delivery } from '../delivery';
import type { Publisher } from './publisher';
import { parkedQueue, retryQueue } from './topology';

/** Header of a message in a retry or parking queue: how many attempts have failed. */
const ATTEMPTS_MADE = 'x-attempts-made';

/**
 * A message from a consumer's queue as something to be settled. Trying again and parking mean: publish it to the queue
 * for that and, once the broker has confirmed, acknowledge it. A crash in between leaves it in both; the inbox tells.
 *
 * @param delaysMs those of the consumer's retry queues, growing
 */
export function eventDelivery(
  { channel, publisher }: { channel: Channel; publisher: Publisher },
  { consumer, delaysMs }: { consumer: string; delaysMs: readonly number[] },
  message: ConsumeMessage,
): Delivery {
  const attempt = attemptsMade(message) + 1;

  async function moveTo(queue: string, headers: Record<string, string | number>, expirationMs?: number) {
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
  }

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
