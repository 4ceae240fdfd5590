import { ChannelRefused, type Publication, type Publisher, PublishRefused } from './publisher';

export interface ApartChannels {
  /** The routes whose last message was refused. Outlives the channel; as many entries as there are events at most. */
  readonly refused: Set<string>;
  /** Opens a channel for a single message. */
  open(): Promise<{ readonly publisher: Publisher; close(): Promise<void> }>;
}

/**
 * Keeps a message that the broker refuses from failing others. The broker answers it by closing the channel, with all messages
 * in flight on it, and does not tell which one it was. So each of them is published again on a channel of its own, one after
 * another, and the messages of a route that was refused are published like that until one is accepted. The shared channel is
 * closed once for each refused route instead of with every retry.
 *
 * @returns a publisher that throws PublishRefused for a refused message
 */
export function publishApartWhenRefused(shared: Publisher, { refused, open }: ApartChannels): Publisher {
  let last: Promise<unknown> = Promise.resolve();

  async function publishApart(publication: Publication): Promise<void> {
    const { publisher, close } = await open();
    try {
      await publisher.publish(publication);
      refused.delete(routeOf(publication));
    } catch (failure) {
      if (!(failure instanceof ChannelRefused)) throw failure;
      refused.add(routeOf(publication));
      throw new PublishRefused(failure.message, { cause: failure });
    } finally {
      await close();
    }
  }

  function inTurn(publication: Publication): Promise<void> {
    const publishing = last.then(() => publishApart(publication));
    last = publishing.catch(() => undefined);
    return publishing;
  }

  return {
    async publish(publication) {
      if (refused.has(routeOf(publication))) return inTurn(publication);
      try {
        await shared.publish(publication);
      } catch (failure) {
        if (!(failure instanceof ChannelRefused)) throw failure;
        await inTurn(publication);
      }
    },
  };
}

const routeOf = ({ exchange, routingKey }: Publication) => `${exchange} ${routingKey}`;
