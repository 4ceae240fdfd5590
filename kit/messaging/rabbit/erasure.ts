import type { Channel, ConsumeMessage, GetMessage } from 'amqplib';
import { UserDeleted } from '#contracts/events/users';
import type { Envelope, EventDefinition, MessageOf } from '#contracts/messages';
import { batchCalls } from '../../core/queues/batches';
import { withTimeout } from '../../core/runtime';
import type { MessageContext } from '../delivery';
import type { Rabbit } from './client';
import { messageIdOf } from './delivery';
import { type Publisher, publisherOn } from './publisher';
import { PUBLISHED_BY, type PublisherCheck } from './publisher-check';
import { parkedQueue, retryQueue } from './topology';

/** Header of a `user.deleted` that its consumer has sent to itself: how often the parked messages have been searched for it. */
const SEARCHES_MADE = 'x-erasure-searches';
/** Headers that the broker counts in itself, from the start for a message that is published again. */
const COUNTED_BY_BROKER = new Set(['x-delivery-count', 'x-acquired-count']);
/** People searched for in one pass. */
const MAX_PEOPLE = 100;
const OPEN_TIMEOUT_MS = 10_000;

type Handle<Definition extends EventDefinition> = (
  message: MessageOf<Definition>,
  context: MessageContext,
) => Promise<void>;

/**
 * Wraps the handler of a consumer so that what it has parked follows an erasure: once `user.deleted` has been handled, the
 * personal messages in `<consumer>.parked` that name the person are removed. What is being retried then is parked later, if it
 * is: the consumer sends the event to itself through its slowest retry queue, without handling it again, until that has passed.
 * A consumer that does not consume `user.deleted`, or nothing personal, is left as it is.
 *
 * @param options.maxAttempts of a message; the searches last as long as so many of the longest delay, and one more
 * @returns the handler for a delivery
 */
export function erasingParked<Definition extends EventDefinition>(
  rabbit: Rabbit,
  publishers: PublisherCheck,
  options: {
    readonly consumer: string;
    readonly events: readonly Definition[];
    readonly handle: Handle<Definition>;
    readonly delaysMs: readonly number[];
    readonly maxAttempts: number;
    readonly eraseElsewhere: ((personId: string) => Promise<void>) | undefined;
  },
): (delivered: ConsumeMessage) => Handle<Definition> {
  const { consumer, events, handle, delaysMs, maxAttempts, eraseElsewhere } = options;
  const isErased = events.some(({ name }) => name === UserDeleted.name);
  if (!isErased || !events.some(({ personal }) => personal)) return () => handle;
  const longestMs = Math.max(...delaysMs);

  const search = batchCalls(
    async (batch: readonly { delivered: ConsumeMessage; personId: string; context: MessageContext }[]) => {
      const people = batch.map(({ personId }) => personId);
      for (const personId of people) await eraseElsewhere?.(personId);
      await onChannel(rabbit, consumer, async (channel, publisher) => {
        const removed = await removeParked({ channel, publisher, publishers }, { consumer, events }, people);
        if (removed > 0) batch[0]?.context.log.info({ consumer, removed }, 'Parked messages erased');
        for (const { delivered } of batch) {
          const made = searchesMade(delivered);
          if (made > maxAttempts) continue;
          const copy = copyOf(delivered, publishers);
          await publisher.publish({
            ...{ ...copy, routingKey: retryQueue(consumer, longestMs) },
            headers: { ...copy.headers, [SEARCHES_MADE]: made + 1 },
          });
        }
      });
      return batch.map(() => undefined);
    },
    // A failure is one of the broker.
    { maxSize: MAX_PEOPLE, isOutage: () => true },
  );

  return (delivered) => async (message, context) => {
    const personId = erasedPersonIn(message);
    if (personId === undefined || searchesMade(delivered) === 0) await handle(message, context);
    if (personId !== undefined) await search({ delivered, personId, context });
  };
}

/**
 * Takes each message that is parked now once. One that is not removed is published to the end of the queue and then
 * acknowledged, so that a crash leaves it there twice and never loses it; returning it would count as a failed delivery.
 *
 * @returns how many were removed
 */
async function removeParked(
  by: { channel: Channel; publisher: Publisher; publishers: PublisherCheck },
  { consumer, events }: { consumer: string; events: readonly EventDefinition[] },
  personIds: readonly string[],
): Promise<number> {
  const { channel, publisher, publishers } = by;
  const queue = parkedQueue(consumer);
  const { messageCount } = await channel.checkQueue(queue);
  let removed = 0;
  for (let taken = 0; taken < messageCount; taken++) {
    const message = await channel.get(queue);
    if (message === false) break;
    if (isPersonal(message.content, events) && personIds.some((id) => message.content.includes(id)))
      removed++;
    else await publisher.publish({ ...copyOf(message, publishers), routingKey: queue });
    channel.ack(message);
  }
  return removed;
}

/** Of a message that is of no known event nobody can tell: it may be. */
function isPersonal(content: Buffer, events: readonly EventDefinition[]): boolean {
  const name = nameIn(content);
  return events.find((event) => event.name === name)?.personal ?? true;
}

function nameIn(content: Buffer): unknown {
  try {
    return Reflect.get(Object(JSON.parse(content.toString('utf8'))), 'name');
  } catch {
    // Parked because it is not JSON.
    return undefined;
  }
}

function erasedPersonIn({ name, data }: Envelope): string | undefined {
  if (name !== UserDeleted.name) return undefined;
  const id: unknown = Reflect.get(Object(data), 'id');
  return typeof id === 'string' ? id : undefined;
}

function searchesMade({ properties }: ConsumeMessage): number {
  const made: unknown = properties.headers?.[SEARCHES_MADE];
  return typeof made === 'number' ? made : 0;
}

/** A message as it is published again to a queue of its consumer, in the name of its first publisher. */
function copyOf(message: ConsumeMessage | GetMessage, publishers: PublisherCheck) {
  const headers: Record<string, unknown> = message.properties.headers ?? {};
  const publishedBy = publishers.publisherOf(message);
  const kept: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(headers))
    if (!COUNTED_BY_BROKER.has(name) && (typeof value === 'string' || typeof value === 'number'))
      kept[name] = value;
  if (publishedBy !== undefined) kept[PUBLISHED_BY] = publishedBy;
  return {
    exchange: '',
    body: message.content,
    messageId: messageIdOf(message),
    mandatory: true,
    headers: kept,
  };
}

/** A channel of its own: whatever fails, closing it returns what was taken and not settled. */
async function onChannel(
  rabbit: Rabbit,
  consumer: string,
  work: (channel: Channel, publisher: Publisher) => Promise<void>,
): Promise<void> {
  const what = `RabbitMQ erasure ${consumer}`;
  const opening = rabbit.openChannel(what, async (channel) => publisherOn(channel, { user: rabbit.user }));
  try {
    const { channel, prepared } = await withTimeout(opening.opened(), OPEN_TIMEOUT_MS, what);
    await work(channel, prepared);
  } finally {
    await opening.close();
  }
}
