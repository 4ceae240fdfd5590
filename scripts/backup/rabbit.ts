import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { credentialsOf } from '#kit/config/urls';
import { publisherOn } from '#kit/messaging/rabbit/publisher';
import { PUBLISHED_BY } from '#kit/messaging/rabbit/publisher-check';
import { consumerQueues, RETRY_DELAYS_MS, retryQueues } from '#kit/messaging/rabbit/topology';
import { EVENTS } from '../../infra/broker-definitions';
import { connectToAny } from '../parked/rabbit-connection';

/** A message that waited in a queue, or was published while the copy was made. */
export interface CopiedMessage {
  /** Empty for one of a queue, which the routing key names. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string | number>>;
  /** Base64. */
  readonly body: string;
}

/** A queue is read once nothing has arrived from it for this long. */
const SILENCE_MS = 300;
/** AMQP 0-9-1 reply code of a queue that does not exist. */
const NOT_FOUND = 404;

const consumerNames = (): string[] => [...new Set(EVENTS.flatMap(({ consumers }) => consumers))];
/** The queue of each consumer, with those of its retries and its parked messages. */
const queueNames = (): string[] =>
  consumerNames().flatMap((consumer) =>
    [...consumerQueues(consumer), ...retryQueues(consumer, RETRY_DELAYS_MS)].map(({ name }) => name),
  );

/** What goes through RabbitMQ, while the system goes on. */
export interface BrokerCopy {
  /** Takes everything that waits, until `release`. Consumers get new messages only, and finish those they have. */
  hold(): Promise<void>;
  /** Everything that waited in a queue, or was published between the beginning and this call. */
  messages(): Promise<CopiedMessage[]>;
  /** Gives what waited back to its queues. */
  release(): Promise<void>;
}

/**
 * Copies everything that is published from now on, and what waits when it is held. What a consumer is handling cannot be
 * seen: it was published after the beginning, is done in time, or fails and comes here through a retry queue.
 */
export async function copyMessages(urls: readonly string[]): Promise<BrokerCopy> {
  const { connection } = await connectToAny(urls);
  const copied: CopiedMessage[] = [];
  try {
    const tapped = await tap(connection, (message) => copied.push(copyOf(message, message.fields)));
    return {
      async hold() {
        const channel = await connection.createChannel();
        const shared = new Set(consumerNames());
        const subscriptions: string[] = [];
        for (const queue of await existing(connection, queueNames())) {
          const { consumerTag } = await channel.consume(queue, (message) => {
            if (message !== null) copied.push(copyOf(message, { exchange: '', routingKey: queue }));
          });
          if (shared.has(queue)) subscriptions.push(consumerTag);
        }
        await untilSilent(() => copied.length);
        // The rest is for the consumers of these queues. What has been taken stays here.
        for (const consumerTag of subscriptions) await channel.cancel(consumerTag);
      },
      async messages() {
        await tapped.flush();
        await untilSilent(() => copied.length);
        return [...copied];
      },
      // What is not acknowledged returns to its place.
      release: () => connection.close(),
    };
  } catch (failure) {
    await connection.close();
    throw failure;
  }
}

/**
 * A queue of this connection, bound to all events.
 *
 * @returns `flush`, which resolves once everything that was published before has been taken
 */
async function tap(
  connection: ChannelModel,
  take: (message: ConsumeMessage) => void,
): Promise<{ flush(): Promise<void> }> {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (const exchange of new Set(EVENTS.map((event) => event.exchange))) {
    await channel.assertExchange(exchange, 'topic', { durable: true });
    await channel.bindQueue(queue, exchange, '#');
  }
  // A message that was confirmed before is in the queue before this one.
  const marks = new Map<string, () => void>();
  const receive = (message: ConsumeMessage | null) => {
    if (message === null) return;
    const mark = message.fields.exchange === '' ? marks.get(String(message.properties.messageId)) : undefined;
    if (mark === undefined) take(message);
    else mark();
  };
  await channel.consume(queue, receive, { noAck: true });
  return {
    flush: () =>
      new Promise((resolve) => {
        const messageId = crypto.randomUUID();
        marks.set(messageId, resolve);
        channel.sendToQueue(queue, Buffer.alloc(0), { messageId });
      }),
  };
}

async function existing(connection: ChannelModel, queues: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const queue of queues) if ((await countIn(connection, queue)) !== undefined) found.push(queue);
  return found;
}

/** @returns undefined when the queue does not exist, which closes the channel */
async function countIn(connection: ChannelModel, queue: string): Promise<number | undefined> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  try {
    return (await channel.checkQueue(queue)).messageCount;
  } catch (failure) {
    if (failure instanceof Error && 'code' in failure && failure.code === NOT_FOUND) return undefined;
    throw failure;
  } finally {
    await channel.close().catch(() => undefined);
  }
}

async function untilSilent(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await Bun.sleep(SILENCE_MS);
  }
}

function copyOf(
  { content, properties }: ConsumeMessage,
  { exchange, routingKey }: { exchange: string; routingKey: string },
): CopiedMessage {
  const headers = Object.entries<unknown>(properties.headers ?? {}).filter(
    (header): header is [string, string | number] => ['string', 'number'].includes(typeof header[1]),
  );
  const publisher: unknown = properties.userId;
  return {
    exchange,
    routingKey,
    messageId: String(properties.messageId),
    // The first publisher comes last: a header of before is of the same.
    headers: {
      ...(typeof publisher === 'string' && { [PUBLISHED_BY]: publisher }),
      ...Object.fromEntries(headers),
    },
    body: content.toString('base64'),
  };
}

/** The queues that have messages, or more than one attempt of them. */
export async function queuesWithMessages(urls: readonly string[]): Promise<string[]> {
  const { connection } = await connectToAny(urls);
  try {
    const full: string[] = [];
    for (const queue of queueNames()) if ((await countIn(connection, queue)) ?? 0) full.push(queue);
    return full;
  } finally {
    await connection.close();
  }
}

/** Publishes messages to the queues and exchanges they were copied from. Consumers have handled some, and drop these. */
export async function restoreMessages(
  urls: readonly string[],
  messages: AsyncIterable<CopiedMessage>,
): Promise<number> {
  const { connection, url } = await connectToAny(urls);
  try {
    const declaring = await connection.createChannel();
    await declareAll(declaring);
    const channel = await connection.createConfirmChannel();
    const { user } = credentialsOf(url);
    const publisher = publisherOn(channel, user === '' ? {} : { user });
    let count = 0;
    for await (const { exchange, routingKey, messageId, headers, body } of messages) {
      const published = { exchange, routingKey, messageId, headers, body: Buffer.from(body, 'base64') };
      await publisher.publish({ ...published, mandatory: exchange === '' });
      count++;
    }
    return count;
  } finally {
    await connection.close();
  }
}

/** As every publisher and consumer declares them, for a broker that has not imported its definitions. */
async function declareAll(channel: Channel): Promise<void> {
  for (const { exchange, routingKey, consumers } of EVENTS) {
    await channel.assertExchange(exchange, 'topic', { durable: true });
    for (const consumer of consumers) {
      for (const { name, ...options } of [
        ...consumerQueues(consumer),
        ...retryQueues(consumer, RETRY_DELAYS_MS),
      ])
        await channel.assertQueue(name, options);
      await channel.bindQueue(consumer, exchange, routingKey);
    }
  }
}
