import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Runtime } from '#kit/core/runtime';
import { DependencyUnavailable } from '#kit/errors/problem';
import type { Redis } from '#kit/redis/commands';
import type { Connection } from '../connections/connection';

/** The connections of a room, on one instance or all of them. */
const RoomPresence = Type.Object({ connections: Type.Integer(), members: Type.Array(Type.String()) });
type RoomPresence = Static<typeof RoomPresence>;

/** Entries expire, so that those of a killed instance disappear. */
const ENTRY_TTL_SECONDS = 8;
/** Well within the expiry. */
export const PRESENCE_REFRESH_MS = 2_500;
/** Usernames listed for a room; its connection count is not limited. */
const MAX_MEMBERS = 1_000;
const INSTANCES_KEY = 'chat:instances';
/** Instances that have not refreshed for this long are no longer queried. */
const INSTANCE_TTL_MS = 60 * 60_000;

/** Rooms are identified by their epoch. */
export interface Presence {
  /** A connection has joined or left. */
  changed(epoch: string): void;
  /** Across all instances. @throws DependencyUnavailable without Redis: a partial count would be wrong */
  read(epoch: string): Promise<RoomPresence>;
  /** Writes all entries of this instance again before they expire. */
  refresh(epochs: Iterable<string>): Promise<void>;
  /** Deletes all entries of this instance. */
  clear(epochs: Iterable<string>): Promise<void>;
}

/**
 * Presence in Redis: each instance writes its own connections of each room under a key that expires.
 *
 * @param connectionsOf this instance's connections in a room
 */
export function createPresence(
  runtime: Runtime,
  redis: Redis,
  instance: string,
  connectionsOf: (epoch: string) => Iterable<Connection>,
): Presence {
  const writing = new Set<string>();
  const dirty = new Set<string>();

  async function write(epoch: string): Promise<void> {
    const presence = presenceOf(connectionsOf(epoch));
    if (presence.connections === 0) await redis.del(keyOf(epoch, instance));
    else
      await redis.set(keyOf(epoch, instance), JSON.stringify(presence), {
        expiration: { type: 'EX', value: ENTRY_TTL_SECONDS },
      });
  }

  async function writeUntilClean(epoch: string): Promise<void> {
    writing.add(epoch);
    try {
      do {
        dirty.delete(epoch);
        await write(epoch);
      } while (dirty.has(epoch));
    } catch (failure) {
      runtime.log.debug({ err: failure }, 'writing presence failed; the next refresh writes it again');
    } finally {
      writing.delete(epoch);
    }
  }

  return {
    changed(epoch) {
      // One write at a time: the last one to arrive must be the newest.
      if (writing.has(epoch)) dirty.add(epoch);
      else void writeUntilClean(epoch);
    },
    async read(epoch) {
      try {
        const instances = await redis.zRange(INSTANCES_KEY, 0, -1);
        const others = instances.filter((other) => other !== instance);
        const entries = await Promise.all(others.map((other) => redis.get(keyOf(epoch, other))));
        return sum([presenceOf(connectionsOf(epoch)), ...entries.flatMap(parse)]);
      } catch (cause) {
        throw new DependencyUnavailable({
          detail: 'Presence is unavailable. Retry in a moment.',
          headers: { 'retry-after': '1' },
          cause,
        });
      }
    },
    async refresh(epochs) {
      const now = Date.now();
      await redis.zAdd(INSTANCES_KEY, { score: now, value: instance });
      await redis.zRemRangeByScore(INSTANCES_KEY, 0, now - INSTANCE_TTL_MS);
      for (const epoch of epochs) await write(epoch);
    },
    async clear(epochs) {
      await Promise.all([...epochs].map((epoch) => redis.del(keyOf(epoch, instance))));
      await redis.zRem(INSTANCES_KEY, instance);
    },
  };
}

const keyOf = (epoch: string, instance: string) => `chat:presence:${epoch}:${instance}`;

function presenceOf(connections: Iterable<Connection>): RoomPresence {
  const members = new Set<string>();
  let count = 0;
  for (const { user } of connections) {
    count++;
    if (user !== undefined && members.size < MAX_MEMBERS) members.add(user.username);
  }
  return { connections: count, members: [...members] };
}

function parse(text: string | null): RoomPresence[] {
  const value: unknown = text === null ? null : JSON.parse(text);
  return Value.Check(RoomPresence, value) ? [value] : [];
}

const sum = (all: readonly RoomPresence[]): RoomPresence => ({
  connections: all.reduce((total, { connections }) => total + connections, 0),
  members: [...new Set(all.flatMap(({ members }) => members))].sort().slice(0, MAX_MEMBERS),
});
