import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { withTimeout } from '#kit/core/runtime';
import type { Redis } from '#kit/redis/client';

/** What instances tell each other about a room. `expelled` are ids of people who may not be there any more. */
const Notice = Type.Object({
  instance: Type.String(),
  sequence: Type.Optional(Type.Array(Type.Object({ seq: Type.Integer(), text: Type.String() }))),
  sign: Type.Optional(Type.String()),
  expelled: Type.Optional(Type.Array(Type.String())),
});
type Notice = Static<typeof Notice>;
const notice = TypeCompiler.Compile(Notice);

export type News = Omit<Notice, 'instance'>;

export interface FanOut {
  /** Tells the other instances; what does not arrive is found out from the database. */
  publish(channel: string, news: News): void;
  /** Resolves once it is subscribed; also when Redis is away, and then it is subscribed when Redis is back. */
  subscribe(channel: string, heard: (news: News) => void): Promise<void>;
  unsubscribe(channel: string): void;
  /** False while nothing can be heard. */
  readonly listening: boolean;
}

const SUBSCRIBE_TIMEOUT_MS = 2_000;

/**
 * Redis publish and subscribe between the instances, on a connection of its own: a subscribed one takes no commands.
 *
 * @param onListening called when it listens again after Redis was away: what was published meanwhile is lost
 */
export async function openFanOut(
  runtime: Runtime,
  redis: Redis,
  onListening: () => void,
): Promise<FanOut & { readonly instance: string }> {
  const instance = uuidv7();
  const subscriber = redis.duplicate();
  const heardBy = new Map<string, (news: News) => void>();

  const receive = (text: string, channel: string) => {
    const parsed = readNotice(text);
    if (parsed === undefined) runtime.log.warn('something else than chat’s own was published to a room');
    else if (parsed.instance !== instance) heardBy.get(channel)?.(parsed);
  };
  const listenTo = (channels: string[]) =>
    withTimeout(subscriber.subscribe(channels, receive), SUBSCRIBE_TIMEOUT_MS, 'subscribing to rooms');

  // The main connection tells the log of Redis being away; an error event nobody hears would end the process.
  subscriber.on('error', () => undefined);
  subscriber.on('ready', () => {
    // The client subscribes again to what it knows; rooms entered while it was away are told to it here.
    if (heardBy.size === 0) return;
    listenTo([...heardBy.keys()]).then(onListening, (failure: unknown) =>
      runtime.log.warn({ err: failure }, 'rooms cannot be listened to; the database is asked instead'),
    );
  });
  runtime.onClose('subscriptions to rooms', () => subscriber.destroy());
  await withTimeout(subscriber.connect(), SUBSCRIBE_TIMEOUT_MS, 'connecting to Redis').catch(() => undefined);

  let saidLost = false;
  return {
    instance,
    get listening() {
      return subscriber.isReady;
    },
    publish(channel, news) {
      redis.publish(channel, JSON.stringify({ ...news, instance })).then(
        () => {
          saidLost = false;
        },
        (failure: unknown) => {
          if (!saidLost)
            runtime.log.warn({ err: String(failure) }, 'other instances are told through the database only');
          saidLost = true;
        },
      );
    },
    async subscribe(channel, heard) {
      heardBy.set(channel, heard);
      if (!subscriber.isReady) return;
      await listenTo([channel]).catch((failure: unknown) =>
        runtime.log.warn(
          { err: String(failure) },
          'a room cannot be listened to; the database is asked instead',
        ),
      );
    },
    unsubscribe(channel) {
      heardBy.delete(channel);
      if (subscriber.isReady) subscriber.unsubscribe(channel).catch(() => undefined);
    },
  };
}

function readNotice(text: string): Notice | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return notice.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
