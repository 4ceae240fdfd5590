import { randomUUID } from 'node:crypto';
import { withTimeout } from '../../core/runtime';
import { type Connection, type Listener, RedisOffline } from '../connection';
import { slotOf } from '../slots';
import { createBarriers } from './barriers';
import type { Nodes } from './nodes';

/**
 * The channels of a process, each subscribed at the master of its slot. These connections have no other commands: when a slot
 * moves, the server ends subscriptions on its own, which the client takes for the reply to a command that is waiting.
 */
export interface Channels {
  subscribe(channel: string, listener: Listener): Promise<void>;
  unsubscribe(channel: string): void;
  catchUp(channel: string): Promise<void>;
  /** Subscribes every channel where its slot is now. @returns whether all are */
  place(): Promise<boolean>;
  close(): void;
}

interface Entry {
  readonly listener: Listener;
  /** Of the master. */
  address: string | undefined;
}

/**
 * @param options.publish returns how many have received the message
 * @param options.changed receives whether messages may have been missed, or are received again
 */
export function openChannels(
  nodes: Nodes,
  options: {
    readonly timeoutMs: number;
    readonly publish: (channel: string, message: string) => Promise<number>;
    readonly changed: { ready(): void; lost(failure: unknown): void };
  },
): Channels {
  const channels = new Map<string, Entry>();
  const connections = new Map<string, Connection>();
  const barriers = createBarriers();
  /** Nobody else subscribes to channels with this end. */
  const own = randomUUID();

  function lost(failure: unknown): void {
    barriers.fail(failure);
    options.changed.lost(failure);
  }

  function connectionTo(address: string): Connection {
    const known = connections.get(address);
    if (known !== undefined) return known;
    const opened = nodes.openSubscriber(address, {
      ready: options.changed.ready,
      lost(failure) {
        if (connections.get(address) !== opened) return;
        lost(failure);
        // It may be the master no more.
        void nodes.refresh();
      },
    });
    connections.set(address, opened);
    return opened;
  }

  function leave(channel: string, { address }: Entry): void {
    if (address === undefined) return;
    const connection = connections.get(address);
    connection?.unsubscribe(channel);
    if ([...channels.values()].some((other) => other.address === address)) return;
    connections.delete(address);
    connection?.close();
  }

  async function place(channel: string, entry: Entry): Promise<void> {
    const address = nodes.ownerOf(slotOf(channel));
    if (entry.address !== address) {
      const before = { ...entry };
      entry.address = address;
      leave(channel, before);
      if (before.address !== undefined) lost(new Error('A channel is on another server now'));
    }
    if (address === undefined || !nodes.isComplete()) throw new RedisOffline();
    const connection = connectionTo(address);
    await connection.whenReady(options.timeoutMs);
    await connection.subscribe(channel, entry.listener);
  }

  function subscribe(channel: string, listener: Listener): Promise<void> {
    const entry = { listener, address: channels.get(channel)?.address };
    channels.set(channel, entry);
    return place(channel, entry);
  }

  return {
    subscribe,
    unsubscribe(channel) {
      const entry = channels.get(channel);
      channels.delete(channel);
      if (entry !== undefined) leave(channel, entry);
    },
    /** A message to oneself, over the connection of the channel: it is behind all others, and only the master accepts it. */
    async catchUp(channel) {
      const echo = `${withTag(channel)}:${own}`;
      if (!channels.has(echo)) await subscribe(echo, barriers.pass);
      const { id, passed } = barriers.open();
      try {
        const receivers = await options.publish(echo, id);
        if (receivers !== 1) throw new Error('A channel is not received');
        await withTimeout(passed, options.timeoutMs, 'receiving a message');
      } catch (failure) {
        barriers.fail(failure);
        throw failure;
      }
    },
    async place() {
      const placed = await Promise.allSettled([...channels].map(([channel, entry]) => place(channel, entry)));
      return placed.every(({ status }) => status === 'fulfilled');
    },
    close() {
      for (const connection of connections.values()) connection.close();
    },
  };
}

/** A name with which others begin that are in the same slot. */
const withTag = (channel: string): string =>
  slotOf(channel) === slotOf(`${channel}:`) ? channel : `{${channel}}`;
