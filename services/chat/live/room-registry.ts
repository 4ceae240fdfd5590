import { Counter, Gauge } from 'prom-client';
import { sleep } from '#kit/core/back-off';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';
import type { Redis } from '#kit/redis/commands';
import { CLOSE, type CloseReason } from '../connections/close-codes';
import type { Connection } from '../connections/connection';
import { filterMembers } from '../members/store';
import { type RoomRow, readRoomStates } from '../rooms/store';
import { createFrameReader } from './frame-reader';
import type { SequencedFrame } from './frames';
import { createPresence, PRESENCE_REFRESH_MS, type Presence } from './presence';
import { openPubSub } from './pub-sub';
import { createRoomChannel, type RoomChannel } from './room-channel';

/** The database is polled for missed frames, more often while nothing can be received from other instances. */
const POLL_EVERY_MS = 5_000;
const POLL_DISCONNECTED_EVERY_MS = 250;
const TICK_EVERY_MS = 1_000;
/** An empty channel stays open for a while: its last connection may reconnect. */
const EMPTY_CHANNEL_TTL_MS = 10_000;
/** Memberships of private rooms are checked this often, in case the publication of a removal was lost. */
const MEMBERSHIP_CHECK_EVERY_MS = 10_000;
/** On shutdown connections are closed over this time, so that clients do not all reconnect at once. */
const DRAIN_MS = 4_000;
const DRAIN_STEPS = 40;
const MIN_DRAIN_STEP_SIZE = 25;

/** The rooms that have connections on this instance. */
export interface RoomRegistry {
  readonly presence: Presence;
  /** The channel for a connection about to open. */
  open(room: RoomRow): Promise<RoomChannel>;
  joined(channel: RoomChannel): void;
  /** @param why undefined when the client closed the connection */
  left(channel: RoomChannel, connection: Connection, why: CloseReason | undefined): void;
  /** Counts a connection that was closed before it joined a room. */
  countRejected(why: CloseReason): void;
  /** Publishes frames that this instance has stored to all connections of the room, on all instances. */
  publish(room: RoomRow, frames: readonly SequencedFrame[]): void;
  /** Publishes an unnumbered frame, best effort. */
  publishSignal(room: RoomRow, text: string): void;
  /** Closes the connections of users who are no longer members, on all instances. */
  disconnectUsers(room: RoomRow, userIds: readonly string[]): void;
  /** Closes all connections, a few at a time. */
  drain(): Promise<void>;
}

export async function openRoomRegistry(
  runtime: Runtime,
  database: Database,
  redis: Redis,
): Promise<RoomRegistry> {
  const channels = new Map<string, RoomChannel>();
  const opening = new Map<string, Promise<RoomChannel>>();
  const readFrames = createFrameReader(runtime, database);
  const metrics = connectionMetrics(runtime);
  const pubSub = openPubSub(runtime, redis, () => void poll().catch(logPollFailure));
  const presence = createPresence(
    runtime,
    redis,
    pubSub.instance,
    (epoch) => channels.get(epoch)?.connections ?? [],
  );
  const logPollFailure = (failure: unknown) =>
    runtime.log.warn({ err: failure }, 'polling for missed frames failed');

  async function poll(): Promise<void> {
    const all = [...channels.values()];
    const states = await readRoomStates(
      database,
      all.map(({ room }) => room.id),
    );
    for (const channel of all) {
      const state = states.get(channel.room.id);
      if (state !== undefined) channel.observe(state);
      else for (const connection of channel.connections) connection.close(CLOSE.roomGone);
    }
  }

  async function openChannel(room: RoomRow): Promise<RoomChannel> {
    const channel = createRoomChannel(room, readFrames, runtime.log);
    await pubSub.subscribe(topicOf(room), ({ sequence, sign, expelled }) => {
      if (sequence) channel.accept(sequence);
      if (sign !== undefined) channel.broadcast(sign);
      if (expelled) closeConnections(channel, (userId) => expelled.includes(userId));
    });
    channels.set(room.epoch, channel);
    // Only publications from now on are received: earlier frames come from the database.
    channel.observe((await readRoomStates(database, [room.id])).get(room.id) ?? room);
    return channel;
  }

  function tick(): void {
    const nowMs = performance.now();
    for (const channel of channels.values()) {
      for (const connection of channel.connections) connection.tick();
      if (channel.emptySinceMs === undefined || nowMs - channel.emptySinceMs < EMPTY_CHANNEL_TTL_MS) continue;
      channels.delete(channel.room.epoch);
      pubSub.unsubscribe(topicOf(channel.room));
    }
  }

  async function checkMemberships(): Promise<void> {
    for (const channel of channels.values()) {
      if (!channel.room.isPrivate) continue;
      const connected = [...channel.connections].flatMap(({ user }) => user?.id ?? []);
      const members = await filterMembers(database, channel.room.id, connected);
      closeConnections(channel, (userId) => connected.includes(userId) && !members.has(userId));
    }
  }

  repeatEvery(runtime, 'checking connections', { everyMs: TICK_EVERY_MS }, async () => tick());
  repeatEvery(
    runtime,
    'polling for missed frames',
    { everyMs: () => (pubSub.connected ? POLL_EVERY_MS : POLL_DISCONNECTED_EVERY_MS) },
    poll,
  );
  repeatEvery(runtime, 'checking memberships', { everyMs: MEMBERSHIP_CHECK_EVERY_MS }, checkMemberships);
  repeatEvery(runtime, 'refreshing presence', { everyMs: PRESENCE_REFRESH_MS }, () =>
    presence.refresh(channels.keys()),
  );

  return {
    presence,
    async open(room) {
      const existing = channels.get(room.epoch);
      if (existing !== undefined) {
        existing.observe(room);
        return existing;
      }
      let started = opening.get(room.epoch);
      if (started === undefined) {
        started = openChannel(room).finally(() => opening.delete(room.epoch));
        opening.set(room.epoch, started);
      }
      return started;
    },
    joined(channel) {
      metrics.opened();
      // It may have been closed as empty a moment before.
      if (!channels.has(channel.room.epoch)) channels.set(channel.room.epoch, channel);
      presence.changed(channel.room.epoch);
    },
    left(channel, connection, why) {
      metrics.closed(why);
      channel.leave(connection);
      presence.changed(channel.room.epoch);
    },
    countRejected: metrics.rejected,
    publish(room, frames) {
      channels.get(room.epoch)?.accept(frames);
      pubSub.publish(topicOf(room), { sequence: [...frames] });
    },
    publishSignal(room, text) {
      channels.get(room.epoch)?.broadcast(text);
      pubSub.publish(topicOf(room), { sign: text });
    },
    disconnectUsers(room, userIds) {
      const channel = channels.get(room.epoch);
      if (channel) closeConnections(channel, (userId) => userIds.includes(userId));
      pubSub.publish(topicOf(room), { expelled: [...userIds] });
    },
    async drain() {
      await closeGradually([...channels.values()].flatMap((channel) => [...channel.connections]));
      await presence.clear(channels.keys()).catch(() => undefined);
    },
  };
}

const topicOf = (room: RoomRow) => `chat:room:${room.epoch}`;

function closeConnections(channel: RoomChannel, isSelected: (userId: string) => boolean): void {
  for (const connection of channel.connections)
    if (connection.user !== undefined && isSelected(connection.user.id)) connection.close(CLOSE.notAMember);
}

async function closeGradually(connections: readonly Connection[]): Promise<void> {
  const stepSize = Math.max(MIN_DRAIN_STEP_SIZE, Math.ceil(connections.length / DRAIN_STEPS));
  for (let start = 0; start < connections.length; start += stepSize) {
    for (const connection of connections.slice(start, start + stepSize)) connection.close(CLOSE.shutdown);
    if (start + stepSize < connections.length) await sleep(DRAIN_MS / DRAIN_STEPS);
  }
}

function connectionMetrics(runtime: Runtime) {
  let count = 0;
  new Gauge({
    name: 'chat_connections',
    help: 'Open WebSockets',
    registers: [runtime.metrics],
    collect() {
      this.set(count);
    },
  });
  const ended = new Counter({
    name: 'chat_connections_ended_total',
    help: 'Closed WebSockets by the close code sent; "left" where the client closed it',
    labelNames: ['code'] as const,
    registers: [runtime.metrics],
  });
  return {
    opened() {
      count++;
    },
    closed(why: CloseReason | undefined) {
      count--;
      ended.inc({ code: why?.code ?? 'left' });
    },
    rejected: ({ code }: CloseReason) => ended.inc({ code }),
  };
}
