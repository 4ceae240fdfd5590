import type { ConsumeMessage } from 'amqplib';
import type { EventDefinition } from '#contracts/messages';
import type { ServiceIdentity } from '../../core/identity';
import { ForgedMessage } from '../publishers';
import type { Rabbit } from './client';

/** Header of a message that was moved by its consumer or an operator: the user that has published it. */
export const PUBLISHED_BY = 'x-published-by';
/** The user of those who replay parked messages. */
export const OPERATOR = 'rookery';

export interface PublisherCheck {
  /** The user that has published a message; undefined when nobody vouches for one. */
  publisherOf(message: Pick<ConsumeMessage, 'properties'>): string | undefined;
  /** @throws ForgedMessage unless a publisher of the event has published the message */
  require(message: Pick<ConsumeMessage, 'properties'>, event: Pick<EventDefinition, 'publishers'>): void;
}

/**
 * Checks who has published a message. The broker accepts in `user_id` only the user of the connection, so it is proof; a
 * direct publish to a queue, which every consumer may make for its retries, names its user as well. What this process or an
 * operator has moved carries the first publisher in a header. A process without a user of its own cannot tell, and checks
 * nothing.
 */
export function publisherCheck(
  identity: Pick<ServiceIdentity, 'acceptsUnsigned'>,
  rabbit: Pick<Rabbit, 'user' | 'isOwnUser'>,
): PublisherCheck {
  const movers: ReadonlySet<unknown> = new Set([rabbit.user, OPERATOR]);

  function publisherOf({ properties }: Pick<ConsumeMessage, 'properties'>): string | undefined {
    const user: unknown = properties.userId;
    const first: unknown = properties.headers?.[PUBLISHED_BY];
    const publisher = movers.has(user) && first !== undefined ? first : user;
    return typeof publisher === 'string' ? publisher : undefined;
  }

  return {
    publisherOf,
    require(message, { publishers }) {
      if (!rabbit.isOwnUser) return;
      const publisher = publisherOf(message);
      if (publisher === undefined && identity.acceptsUnsigned) return;
      if (publisher === undefined) throw new ForgedMessage('the event names no user that has published it');
      if (!publishers.includes(publisher))
        throw new ForgedMessage('the event was published by another than its publishers');
    },
  };
}
