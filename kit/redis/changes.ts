import { randomUUID } from 'node:crypto';
import { repeatEvery } from '../core/repeat';
import { type Runtime, withTimeout } from '../core/runtime';
import type { Redis } from './client';

/** While it is not proven that notifications arrive, a proof is attempted this often. */
const PROVE_EVERY_MS = 500;
/** The client limits the wait for a connection only, not for a reply: a Redis that has stopped responds to nothing. */
const PROVE_TIMEOUT_MS = 5_000;
const REPLY_TIMEOUT_MS = 500;
const PROOF = 'proof:';
/** What was published may not have arrived: everything is to be dropped. */
const MISSED = 'missed';

export interface Changes {
  /**
   * Whether all notifications published before the call have been handled when it resolves: what is remembered and was
   * not dropped is then the present state. False while notifications may be missing; nothing is to be remembered then.
   */
  current(): Promise<boolean>;
  /** The same for a reply that has just been read over the same connection by a command sent after the call began. */
  isReceiving(): boolean;
  /** A command over the same connection has failed: notifications may be missing as well, until it is proven otherwise. */
  doubt(): void;
  /**
   * Publishes a notification to every process that listens. One that fails is made up for, as soon as Redis responds, by
   * one that drops everything everywhere.
   *
   * @throws while Redis is unavailable
   */
  publish(message: string): Promise<void>;
}

export interface ChangesOptions {
  /** The channel of `publish`, on which the arrival of notifications is proven. */
  readonly channel: string;
  /** Receives what is published on `channel`. */
  readonly onChange: (message: string) => void;
  /** Channels of others. */
  readonly others?: Readonly<Record<string, (message: string) => void>>;
  /** Notifications may have been lost: whatever is remembered is to be dropped. */
  readonly onLost: () => void;
}

/**
 * Notifications of changes, for dropping what a process remembers: at most once, to all processes, in the order of
 * publication. They arrive over the connection of `redis` itself. Redis sends a notification to all its subscribers before
 * it executes the next command, so the reply to a command that is sent after a change was published arrives after the
 * notification (RESP3 delivers both on one connection). When the connection breaks, everything is dropped.
 */
export function openChanges(runtime: Runtime, redis: Redis, options: ChangesOptions): Changes {
  const { channel } = options;
  let receiving = false;
  let isReported = false;
  let owesNotification = false;
  let proof: string | undefined;
  let current: Promise<boolean> | undefined;

  function lose(): void {
    receiving = false;
    options.onLost();
  }

  function onMessage(message: string): void {
    if (message === MISSED) options.onLost();
    else if (!message.startsWith(PROOF)) options.onChange(message);
    else if (message === proof) proof = undefined;
  }

  async function subscribe(): Promise<void> {
    await redis.unsubscribe();
    await redis.subscribe(channel, onMessage);
    for (const [other, listener] of Object.entries(options.others ?? {}))
      await redis.subscribe(other, listener);
    proof = `${PROOF}${randomUUID()}`;
    await redis.publish(channel, proof);
    // Published over this connection, it has arrived before this reply, or never will.
    await redis.ping();
    if (proof !== undefined) throw new Error('a notification did not arrive');
    options.onLost();
    receiving = true;
  }

  /** That a message of this process comes back proves the subscription, whatever became of the connection meanwhile. */
  async function prove(): Promise<void> {
    if (!redis.isReady) return;
    try {
      if (!receiving) await withTimeout(subscribe(), PROVE_TIMEOUT_MS, 'subscribing to changes');
      if (owesNotification) {
        owesNotification = false;
        await publish(MISSED);
      }
      isReported = false;
    } catch (failure) {
      if (!isReported)
        runtime.log.warn(
          { err: failure },
          'no notifications of changes; nothing is remembered until they arrive',
        );
      isReported = true;
    }
  }

  async function publish(message: string): Promise<void> {
    try {
      await withTimeout(redis.publish(channel, message), REPLY_TIMEOUT_MS, 'publishing a change');
    } catch (failure) {
      owesNotification = true;
      throw failure;
    }
  }

  async function ping(): Promise<boolean> {
    try {
      await withTimeout(redis.ping(), REPLY_TIMEOUT_MS, 'pinging Redis');
      return receiving;
    } catch (failure) {
      runtime.log.debug({ err: failure }, 'Redis did not respond');
      lose();
      return false;
    }
  }

  redis.on('error', lose);
  redis.on('end', lose);
  redis.on('reconnecting', lose);
  repeatEvery(runtime, 'subscribing to changes', { everyMs: PROVE_EVERY_MS, firstRun: 'now' }, prove);

  return {
    current() {
      if (!receiving) return Promise.resolve(false);
      // One command for all callers of this turn of the event loop.
      current ??= new Promise((resolve) => {
        setImmediate(() => {
          current = undefined;
          resolve(ping());
        });
      });
      return current;
    },
    isReceiving: () => receiving,
    doubt: lose,
    publish,
  };
}
