import { randomUUID } from 'node:crypto';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import type { Redis } from './commands';
import { shareSlot } from './slots';

/** While it is not proven that notifications arrive, a proof is attempted this often. */
const PROVE_EVERY_MS = 500;
const PROOF = 'proof:';
/** What was published may not have arrived: everything is to be dropped. */
const MISSED = 'missed';

export interface Changes {
  /**
   * Whether all notifications published before the call have been handled when it resolves: what is remembered and was
   * not dropped is then the present state. False while notifications may be missing; nothing is to be remembered then.
   */
  current(): Promise<boolean>;
  /** Whether notifications arrive. What has been loaded meanwhile may be remembered. */
  isReceiving(): boolean;
  /**
   * Whether every reply proves the same as `current`, for the time at which its command was sent: all replies come over the
   * connection of the notifications. Not so in a cluster.
   */
  readonly repliesProve: boolean;
  /** A command has failed: notifications may be missing as well, until it is proven otherwise. */
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
  /** Channels of others. In a cluster they share the slot of `channel`, and so its connection. */
  readonly others?: Readonly<Record<string, (message: string) => void>>;
  /** Notifications may have been lost: whatever is remembered is to be dropped. */
  readonly onLost: () => void;
}

/**
 * Notifications of changes, for dropping what a process remembers: at most once, to all processes, in the order of
 * publication. They arrive over the connection of `redis` itself. Redis sends a notification to all its subscribers before
 * it executes the next command, so the reply to a command that is sent after a change was published arrives after the
 * notification (RESP3 delivers both on one connection). When the connection breaks, everything is dropped.
 *
 * In a cluster a message to oneself through the same channels' server takes the place of the reply. When their slot gets
 * another master, everything is dropped. A master that is cut off together with a reader, while writers publish to its
 * successor, answers that reader until it notices, after `cluster-node-timeout`: that long it may be shown the past.
 */
export function openChanges(runtime: Runtime, redis: Redis, options: ChangesOptions): Changes {
  const { channel, others = {} } = options;
  if (redis.isCluster && !shareSlot([channel, ...Object.keys(others)]))
    throw new Error('The channels of notifications must share a hash slot');
  let receiving = false;
  let losses = 0;
  let isReported = false;
  let owesNotification = false;
  let proof: string | undefined;
  let current: Promise<boolean> | undefined;

  function lose(): void {
    receiving = false;
    losses++;
    options.onLost();
  }

  function onMessage(message: string): void {
    if (message === MISSED) options.onLost();
    else if (!message.startsWith(PROOF)) options.onChange(message);
    else if (message === proof) proof = undefined;
  }

  async function subscribe(): Promise<void> {
    const before = losses;
    await redis.subscribe(channel, onMessage);
    for (const [other, listener] of Object.entries(others)) await redis.subscribe(other, listener);
    proof = `${PROOF}${randomUUID()}`;
    await redis.publish(channel, proof);
    // It has arrived by then, or never will.
    await redis.catchUp(channel);
    if (proof !== undefined || losses !== before) throw new Error('a notification did not arrive');
    options.onLost();
    receiving = true;
  }

  /** That a message of this process comes back proves the subscription, whatever became of the connection meanwhile. */
  async function prove(): Promise<void> {
    if (!redis.isReady) return;
    try {
      if (!receiving) await subscribe();
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
      await redis.publish(channel, message);
    } catch (failure) {
      owesNotification = true;
      throw failure;
    }
  }

  async function catchUp(): Promise<boolean> {
    try {
      await redis.catchUp(channel);
      return receiving;
    } catch (failure) {
      runtime.log.debug({ err: failure }, 'Redis did not respond');
      lose();
      return false;
    }
  }

  redis.onLost(lose);
  repeatEvery(runtime, 'subscribing to changes', { everyMs: PROVE_EVERY_MS, firstRun: 'now' }, prove);

  return {
    current() {
      if (!receiving) return Promise.resolve(false);
      // One command for all callers of this turn of the event loop.
      current ??= new Promise((resolve) => {
        setImmediate(() => {
          current = undefined;
          resolve(catchUp());
        });
      });
      return current;
    },
    isReceiving: () => receiving,
    repliesProve: !redis.isCluster,
    doubt: lose,
    publish,
  };
}
