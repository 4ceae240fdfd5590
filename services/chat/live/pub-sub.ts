import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { withTimeout } from '#kit/core/runtime';
import type { Redis } from '#kit/redis/client';

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

const SUBSCRIBE_TIMEOUT_MS = 2_000;

/**
 * Redis publish/subscribe between instances, on a connection of its own: a subscribed one accepts no other commands.
 *
 * @param onReconnect called when it is subscribed again after a disconnect, during which publications were lost
 */
export async function openPubSub(
  runtime: Runtime,
  redis: Redis,
  onReconnect: () => void,
): Promise<PubSub & { readonly instance: string }> {
  const instance = uuidv7();
  const subscriber = redis.duplicate();
  const subscriptions = new Map<string, (update: RoomUpdate) => void>();

  const receive = (text: string, channel: string) => {
    const received = parseNotification(text);
    if (received === undefined) runtime.log.warn('ignored an invalid publication to a room');
    else if (received.instance !== instance) subscriptions.get(channel)?.(received);
  };
  const subscribeTo = (channels: string[]) =>
    withTimeout(subscriber.subscribe(channels, receive), SUBSCRIBE_TIMEOUT_MS, 'subscribing to rooms');

  // The main connection logs that Redis is unavailable; an error event without a listener would end the process.
  subscriber.on('error', () => undefined);
  subscriber.on('ready', () => {
    // The client restores its own subscriptions; rooms opened while it was disconnected are subscribed here.
    if (subscriptions.size === 0) return;
    subscribeTo([...subscriptions.keys()]).then(onReconnect, (failure: unknown) =>
      runtime.log.warn({ err: failure }, 'subscribing to rooms failed; polling the database instead'),
    );
  });
  runtime.onClose('subscriptions to rooms', () => subscriber.destroy());
  await withTimeout(subscriber.connect(), SUBSCRIBE_TIMEOUT_MS, 'connecting to Redis').catch(() => undefined);

  let isLossLogged = false;
  return {
    instance,
    get connected() {
      return subscriber.isReady;
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
      subscriptions.set(channel, onUpdate);
      if (!subscriber.isReady) return;
      await subscribeTo([channel]).catch((failure: unknown) =>
        runtime.log.warn(
          { err: String(failure) },
          'subscribing to a room failed; polling the database instead',
        ),
      );
    },
    unsubscribe(channel) {
      subscriptions.delete(channel);
      if (subscriber.isReady) subscriber.unsubscribe(channel).catch(() => undefined);
    },
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
