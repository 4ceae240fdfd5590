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
  override readonly name = 'PublishFailed';
}

export interface Publisher {
  /**
   * Publishes a persistent message. Resolves once the broker has confirmed it and, if mandatory, not returned it: RabbitMQ
   * returns an unroutable message first and then confirms it all the same.
   *
   * @throws PublishFailed when it was nacked, returned, not confirmed in time, or the channel closed
   */
  publish(publication: Publication): Promise<void>;
}

/** Beyond this messages are rejected immediately instead of filling memory. */
const MAX_UNCONFIRMED = 2_000;
const CONFIRM_TIMEOUT_MS = 5_000;

/**
 * Creates a publisher on a channel in confirm mode.
 *
 * @param user the user of the connection: the broker refuses messages that name another, so consumers can rely on it
 */
export function publisherOn(channel: ConfirmChannel, user?: string): Publisher {
  const inFlight = new Set<string>();
  const returned = new Set<string>();
  channel.on('return', (message) => {
    const id: unknown = message.properties.messageId;
    if (typeof id === 'string' && inFlight.has(id)) returned.add(id);
  });

  function send(publication: Publication): Promise<void> {
    const { messageId } = publication;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new PublishFailed(`no confirmation within ${CONFIRM_TIMEOUT_MS} ms`)),
        CONFIRM_TIMEOUT_MS,
      );
      const confirmed = (failure: unknown) => {
        clearTimeout(timer);
        if (failure) reject(new PublishFailed(failure instanceof Error ? failure.message : 'not confirmed'));
        else if (returned.has(messageId)) reject(new PublishFailed('returned: no queue is bound'));
        else resolve();
      };
      try {
        channel.publish(
          publication.exchange,
          publication.routingKey,
          publication.body,
          { ...optionsOf(publication), ...(user !== undefined && { userId: user }) },
          confirmed,
        );
      } catch (failure) {
        // A closed channel throws instead of calling back.
        confirmed(failure);
      }
    });
  }

  return {
    async publish(publication) {
      const { messageId } = publication;
      if (inFlight.size >= MAX_UNCONFIRMED)
        throw new PublishFailed(`${MAX_UNCONFIRMED} messages are already unconfirmed`);
      if (inFlight.has(messageId)) throw new PublishFailed('the same message is already in flight');
      inFlight.add(messageId);
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
