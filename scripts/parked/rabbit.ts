import type { ChannelModel, ConfirmChannel, GetMessage } from 'amqplib';
import { credentialsOf } from '#kit/config/urls';
import { publisherOn } from '#kit/messaging/rabbit/publisher';
import { PUBLISHED_BY } from '#kit/messaging/rabbit/publisher-check';
import { parkedQueue } from '#kit/messaging/rabbit/topology';
import { identityOf, MAX_REPLAYED, MAX_SHOWN, type ParkedMessage, type ParkedQueue } from './parked-message';
import { connectToAny } from './rabbit-connection';

/** AMQP 0-9-1 reply code of a queue that does not exist. */
const NOT_FOUND = 404;
/** Headers that describe earlier attempts; a replayed message starts with none. */
const ATTEMPT_HEADERS = /^x-(parked|attempts|death|first-death|last-death|delivery-count|acquired-count)/;

/** Lists the parked messages of consumers without consuming them. */
export async function listParkedEvents(
  urls: readonly string[],
  consumers: readonly string[],
): Promise<ParkedQueue[]> {
  return withConnection(urls, async (connection) => {
    const queues: ParkedQueue[] = [];
    for (const name of consumers) {
      const queue = await withChannel(connection, (channel) => peek(channel, name));
      if (queue.count > 0) queues.push(queue);
    }
    return queues;
  });
}

/** Unacknowledged messages return to their place in the queue when the channel closes. */
async function peek(channel: ConfirmChannel, consumer: string): Promise<ParkedQueue> {
  const count = await countIn(channel, parkedQueue(consumer));
  const shown: ParkedMessage[] = [];
  while (shown.length < Math.min(count, MAX_SHOWN)) {
    const message = await channel.get(parkedQueue(consumer));
    if (message === false) break;
    shown.push({ ...identityOf(message.content), reason: reasonOf(message), parkedAt: parkedAtOf(message) });
  }
  return { name: consumer, broker: 'RabbitMQ', count, shown };
}

/**
 * Moves the parked messages of a consumer back to its queue, oldest first. Each is acknowledged only after the broker has
 * confirmed it. A message that fails again meanwhile is parked again and not moved twice.
 *
 * @returns the number of moved messages
 */
export async function replayEvents(urls: readonly string[], consumer: string): Promise<number> {
  return withConnection(urls, (connection, url) =>
    withChannel(connection, async (channel) => {
      const { user } = credentialsOf(url);
      const publisher = publisherOn(channel, user === '' ? {} : { user });
      const count = Math.min(await countIn(channel, parkedQueue(consumer)), MAX_REPLAYED);
      for (let moved = 0; moved < count; moved++) {
        const message = await channel.get(parkedQueue(consumer));
        if (message === false) return moved;
        await publisher.publish({
          exchange: '',
          routingKey: consumer,
          body: message.content,
          messageId: String(message.properties.messageId),
          mandatory: true,
          headers: { ...publisherOf(message), ...headersToKeep(message) },
        });
        channel.ack(message);
      }
      return count;
    }),
  );
}

/** What the broker itself has parked, because its consumer died each time, has its publisher in the property only. */
const publisherOf = ({ properties }: GetMessage): Record<string, string> =>
  typeof properties.userId === 'string' ? { [PUBLISHED_BY]: properties.userId } : {};

function headersToKeep(message: GetMessage): Record<string, string | number> {
  const headers: Record<string, unknown> = message.properties.headers ?? {};
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]): [string, string | number][] =>
      !ATTEMPT_HEADERS.test(name) && (typeof value === 'string' || typeof value === 'number')
        ? [[name, value]]
        : [],
    ),
  );
}

function reasonOf({ properties }: GetMessage): string {
  const reason: unknown = properties.headers?.['x-parked-reason'];
  if (typeof reason === 'string') return reason;
  const death: unknown = properties.headers?.['x-first-death-reason'];
  return death === 'delivery_limit'
    ? 'delivery limit exceeded: its consumer crashed or hung at each delivery'
    : `parked by RabbitMQ: ${String(death ?? 'unknown reason')}`;
}

function parkedAtOf({ properties }: GetMessage): string | undefined {
  const at: unknown = properties.headers?.['x-parked-at'];
  return typeof at === 'string' ? at : undefined;
}

/** 0 when the queue was never declared. */
async function countIn(channel: ConfirmChannel, queue: string): Promise<number> {
  try {
    return (await channel.checkQueue(queue)).messageCount;
  } catch (failure) {
    if (failure instanceof Error && 'code' in failure && failure.code === NOT_FOUND) return 0;
    throw failure;
  }
}

/** Connects to the first node that is available. */
async function withConnection<Result>(
  urls: readonly string[],
  work: (connection: ChannelModel, url: string) => Promise<Result>,
): Promise<Result> {
  const { connection, url } = await connectToAny(urls);
  try {
    return await work(connection, url);
  } finally {
    await connection.close().catch(() => undefined);
  }
}

async function withChannel<Result>(
  connection: ChannelModel,
  work: (channel: ConfirmChannel) => Promise<Result>,
): Promise<Result> {
  const channel = await connection.createConfirmChannel();
  // Checking a queue that does not exist closes the channel; the call itself rejects.
  channel.on('error', () => undefined);
  try {
    return await work(channel);
  } finally {
    await channel.close().catch(() => undefined);
  }
}
