import { type ChannelModel, type ConfirmChannel, connect, type GetMessage } from 'amqplib';
import { publisherOn } from '#kit/messaging/rabbit/publisher';
import { parkedQueue } from '#kit/messaging/rabbit/topology';
import {
  identityOf,
  MOST_REPLAYED,
  MOST_SHOWN,
  type ParkedMessage,
  type ParkedQueue,
} from './parked-message';

const CONNECT_TIMEOUT_MS = 5_000;
/** Headers that tell of earlier attempts; a replayed message has all of them before it again. */
const OF_EARLIER_ATTEMPTS = /^x-(parked|attempts|death|first-death|last-death|delivery-count|acquired-count)/;

/** Lists what is parked for consumers, without taking it away. */
export async function listParkedEvents(url: string, consumers: readonly string[]): Promise<ParkedQueue[]> {
  return withConnection(url, async (connection) => {
    const queues: ParkedQueue[] = [];
    for (const name of consumers) {
      const queue = await withChannel(connection, (channel) => look(channel, name));
      if (queue.count > 0) queues.push(queue);
    }
    return queues;
  });
}

/** What is looked at goes back to where it was when the channel closes. */
async function look(channel: ConfirmChannel, consumer: string): Promise<ParkedQueue> {
  const count = await countIn(channel, parkedQueue(consumer));
  const shown: ParkedMessage[] = [];
  while (shown.length < Math.min(count, MOST_SHOWN)) {
    const message = await channel.get(parkedQueue(consumer));
    if (message === false) break;
    shown.push({ ...identityOf(message.content), reason: reasonOf(message), parkedAt: parkedAtOf(message) });
  }
  return { name: consumer, broker: 'RabbitMQ', count, shown };
}

/**
 * Moves what is parked for a consumer back into its queue, the oldest first: each is acknowledged only once the broker
 * has confirmed it there. What fails again meanwhile is parked again and not moved twice.
 *
 * @returns how many
 */
export async function replayEvents(url: string, consumer: string): Promise<number> {
  return withConnection(url, (connection) =>
    withChannel(connection, async (channel) => {
      const publisher = publisherOn(channel);
      const count = Math.min(await countIn(channel, parkedQueue(consumer)), MOST_REPLAYED);
      for (let moved = 0; moved < count; moved++) {
        const message = await channel.get(parkedQueue(consumer));
        if (message === false) return moved;
        await publisher.publish({
          exchange: '',
          routingKey: consumer,
          body: message.content,
          messageId: String(message.properties.messageId),
          mandatory: true,
          headers: headersToKeep(message),
        });
        channel.ack(message);
      }
      return count;
    }),
  );
}

function headersToKeep(message: GetMessage): Record<string, string | number> {
  const headers: Record<string, unknown> = message.properties.headers ?? {};
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]): [string, string | number][] =>
      !OF_EARLIER_ATTEMPTS.test(name) && (typeof value === 'string' || typeof value === 'number')
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
    ? 'handed out too often without an answer: its consumer died or hung each time'
    : `parked by RabbitMQ: ${String(death ?? 'no reason given')}`;
}

function parkedAtOf({ properties }: GetMessage): string | undefined {
  const at: unknown = properties.headers?.['x-parked-at'];
  return typeof at === 'string' ? at : undefined;
}

/** None where the queue was never declared. */
async function countIn(channel: ConfirmChannel, queue: string): Promise<number> {
  try {
    return (await channel.checkQueue(queue)).messageCount;
  } catch (failure) {
    if (failure instanceof Error && failure.message.includes('NOT_FOUND')) return 0;
    throw failure;
  }
}

async function withConnection<Result>(
  url: string,
  work: (connection: ChannelModel) => Promise<Result>,
): Promise<Result> {
  const connection = await connect(url, { timeout: CONNECT_TIMEOUT_MS });
  connection.on('error', () => undefined);
  try {
    return await work(connection);
  } finally {
    await connection.close().catch(() => undefined);
  }
}

async function withChannel<Result>(
  connection: ChannelModel,
  work: (channel: ConfirmChannel) => Promise<Result>,
): Promise<Result> {
  const channel = await connection.createConfirmChannel();
  // A queue that does not exist ends the channel, and whoever asked is told.
  channel.on('error', () => undefined);
  try {
    return await work(channel);
  } finally {
    await channel.close().catch(() => undefined);
  }
}
