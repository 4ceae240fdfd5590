import type { ConfirmChannel } from 'amqplib';

export interface Publication {
  /** Empty for the default exchange, where the routing key names a queue. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** Stays the same when it is published again. */
  readonly messageId: string;
  /** An error when no queue takes it, rather than silence. */
  readonly mandatory: boolean;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Dropped or dead-lettered by the queue after so long. */
  readonly expirationMs?: number;
}

/** A message that may not have arrived: it is still the publisher's to send. */
export class PublishFailed extends Error {
  override readonly name = 'PublishFailed';
}

export interface Publisher {
  /**
   * Publishes one persistent message. Resolves only when the broker has confirmed it and, being mandatory, has not
   * returned it: RabbitMQ returns an unroutable message first and then acknowledges it all the same.
   *
   * @throws PublishFailed when it was nacked, returned, not confirmed in time, or the channel ended
   */
  publish(publication: Publication): Promise<void>;
}

/** Unconfirmed messages of one channel; beyond it they are refused at once instead of filling memory. */
const IN_FLIGHT = 2_000;
const CONFIRM_TIMEOUT_MS = 5_000;

/** Publishes on one channel, which must be in confirm mode. */
export function publisherOn(channel: ConfirmChannel): Publisher {
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
        else if (returned.has(messageId)) reject(new PublishFailed('returned: no queue is bound to take it'));
        else resolve();
      };
      try {
        channel.publish(
          publication.exchange,
          publication.routingKey,
          publication.body,
          optionsOf(publication),
          confirmed,
        );
      } catch (failure) {
        // A channel that has just ended throws instead of calling back.
        confirmed(failure);
      }
    });
  }

  return {
    async publish(publication) {
      const { messageId } = publication;
      if (inFlight.size >= IN_FLIGHT)
        throw new PublishFailed(`${IN_FLIGHT} messages are already unconfirmed`);
      if (inFlight.has(messageId)) throw new PublishFailed('the same message is already on its way');
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
