import type { ConfirmChannel } from 'amqplib';

export interface Publication {
  /** Empty for the default exchange, where the routing key names a queue. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** The same for every attempt to publish it. */
  readonly messageId: string;
  /** An unroutable message is an error rather than dropped. */
  readonly mandatory: boolean;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Dropped or dead-lettered by the queue after this time. */
  readonly expirationMs?: number;
}

/** A message that may not have arrived: the publisher has to send it again. */
export class PublishFailed extends Error {
  override readonly name: string = 'PublishFailed';
}

/** The broker is unavailable, which says nothing about the message. */
export class PublishUnavailable extends PublishFailed {
  override readonly name = 'PublishUnavailable';
}

/** The broker refuses this message: missing rights, or an exchange or queue that does not exist. A retry alone does not help. */
export class PublishRefused extends PublishFailed {
  override readonly name = 'PublishRefused';
}

/** The broker has closed the channel because of one of the messages in flight; it does not tell which. */
export class ChannelRefused extends PublishFailed {
  override readonly name = 'ChannelRefused';
}

/** Whether the broker has closed a channel because of what was asked of it (AMQP 0-9-1, a soft error with a reply code). */
export const isRefusal = (failure: unknown): failure is Error =>
  failure instanceof Error && 'code' in failure && typeof failure.code === 'number';

export interface Publisher {
  /**
   * Publishes a persistent message. Resolves once the broker has confirmed it and, if mandatory, not returned it: RabbitMQ
   * returns an unroutable message first and then confirms it all the same.
   *
   * @throws PublishUnavailable when the channel has closed; ChannelRefused when the broker has closed it because of a message
   * @throws PublishFailed when it was nacked, returned, or not confirmed in time
   */
  publish(publication: Publication): Promise<void>;
}

/** Beyond this messages are rejected immediately instead of filling memory. */
const MAX_UNCONFIRMED = 2_000;
export const CONFIRM_TIMEOUT_MS = 5_000;
const CLOSED = 'the channel to RabbitMQ has closed';

export interface PublisherOptions {
  /** That of the connection: the broker refuses messages that name another, so consumers can rely on it. */
  readonly user?: string;
  /** 5,000 by default. */
  readonly confirmTimeoutMs?: number;
  /**
   * Called when the broker has nacked a message, once, and when it has not confirmed one in time and no other since. After the
   * leader of a quorum queue has died, a channel of RabbitMQ 3.10 may nack every message for that queue for as long as it is open
   * (observed), so a nack calls for another channel.
   */
  readonly onUnconfirmed?: (why: 'nack' | 'silence') => void;
}

/** Creates a publisher on a channel in confirm mode. */
export function publisherOn(channel: ConfirmChannel, options: PublisherOptions = {}): Publisher {
  const { user, confirmTimeoutMs = CONFIRM_TIMEOUT_MS, onUnconfirmed } = options;
  const inFlight = new Map<string, (failure: PublishFailed) => void>();
  const returned = new Set<string>();
  let refusal: Error | undefined;
  let confirmedAt = 0;
  let isNacked = false;
  channel.on('return', (message) => {
    const id: unknown = message.properties.messageId;
    if (typeof id === 'string' && inFlight.has(id)) returned.add(id);
  });
  channel.on('error', (failure) => {
    if (isRefusal(failure)) refusal = failure;
  });
  let closure: PublishFailed | undefined;
  channel.once('close', () => {
    closure = refusal ? new ChannelRefused(refusal.message) : new PublishUnavailable(CLOSED);
    for (const settle of inFlight.values()) settle(closure);
  });

  function nacked(): PublishFailed {
    if (!isNacked) onUnconfirmed?.('nack');
    isNacked = true;
    return new PublishFailed('the broker has not accepted it (nack)');
  }

  function send(publication: Publication): Promise<void> {
    const { messageId } = publication;
    const sentAt = performance.now();
    return new Promise((resolve, reject) => {
      const settle = (failure?: PublishFailed) => {
        clearTimeout(timer);
        if (failure) reject(failure);
        else resolve();
      };
      const timer = setTimeout(() => {
        settle(new PublishFailed(`no confirmation within ${confirmTimeoutMs} ms`));
        if (confirmedAt < sentAt) onUnconfirmed?.('silence');
      }, confirmTimeoutMs);
      inFlight.set(messageId, settle);
      const confirmed = (failure: unknown) => {
        confirmedAt = performance.now();
        // A nack, or the end of the channel, which the library reports only after this call.
        if (failure) queueMicrotask(() => settle(closure ?? nacked()));
        else if (returned.has(messageId)) settle(new PublishFailed('returned: no queue is bound'));
        else settle();
      };
      try {
        channel.publish(
          publication.exchange,
          publication.routingKey,
          publication.body,
          { ...optionsOf(publication), ...(user !== undefined && { userId: user }) },
          confirmed,
        );
      } catch {
        // A closed channel throws instead of calling back.
        settle(new PublishUnavailable(CLOSED));
      }
    });
  }

  return {
    async publish(publication) {
      const { messageId } = publication;
      if (inFlight.size >= MAX_UNCONFIRMED)
        throw new PublishFailed(`${MAX_UNCONFIRMED} messages are already unconfirmed`);
      if (inFlight.has(messageId)) throw new PublishFailed('the same message is already in flight');
      try {
        await send(publication);
      } finally {
        inFlight.delete(messageId);
        returned.delete(messageId);
      }
    },
  };
}

const optionsOf = ({ messageId, mandatory, headers, expirationMs }: Publication) => ({
  persistent: true,
  contentType: 'application/json',
  messageId,
  mandatory,
  ...(headers && { headers }),
  ...(expirationMs !== undefined && { expiration: expirationMs }),
});
