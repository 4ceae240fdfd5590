import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import type { Redis } from '#kit/redis/commands';

/**
 * What instances publish to each other about a room: numbered frames, an unnumbered frame (`sign`), or the ids of users
 * whose connections are to be closed (`expelled`).
 */
const Notification = Type.Object({
  instance: Type.String(),
  sequence: Type.Optional(Type.Array(Type.Object({ seq: Type.Integer(), text: Type.String() }))),
  sign: Type.Optional(Type.String()),
  expelled: Type.Optional(Type.Array(Type.String())),
});
type Notification = Static<typeof Notification>;
const notification = TypeCompiler.Compile(Notification);

export type RoomUpdate = Omit<Notification, 'instance'>;

export interface PubSub {
  /** Best effort; instances read from the database what does not arrive. */
  publish(channel: string, update: RoomUpdate): void;
  /** Resolves once it is subscribed, or immediately while Redis is unavailable; then it subscribes on reconnect. */
  subscribe(channel: string, onUpdate: (update: RoomUpdate) => void): Promise<void>;
  unsubscribe(channel: string): void;
  /** False while nothing can be received. */
  readonly connected: boolean;
}

/**
 * Redis publish/subscribe between instances.
 *
 * @param onReconnect called when it is subscribed again after a disconnect, during which publications were lost
 */
export function openPubSub(
  runtime: Runtime,
  redis: Redis,
  onReconnect: () => void,
): PubSub & { readonly instance: string } {
  const instance = uuidv7();
  redis.onReady(onReconnect);

  let isLossLogged = false;
  return {
    instance,
    get connected() {
      return redis.isReady;
    },
    publish(channel, update) {
      redis.publish(channel, JSON.stringify({ ...update, instance })).then(
        () => {
          isLossLogged = false;
        },
        (failure: unknown) => {
          if (!isLossLogged)
            runtime.log.warn(
              { err: String(failure) },
              'publishing to other instances failed; they poll the database instead',
            );
          isLossLogged = true;
        },
      );
    },
    async subscribe(channel, onUpdate) {
      const receive = (text: string) => {
        const received = parseNotification(text);
        if (received === undefined) runtime.log.warn('ignored an invalid publication to a room');
        else if (received.instance !== instance) onUpdate(received);
      };
      await redis.subscribe(channel, receive).catch((failure: unknown) => {
        if (!redis.isReady) return;
        runtime.log.warn(
          { err: String(failure) },
          'subscribing to a room failed; polling the database instead',
        );
      });
    },
    unsubscribe: redis.unsubscribe,
  };
}

function parseNotification(text: string): Notification | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return notification.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
