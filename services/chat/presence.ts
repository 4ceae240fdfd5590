import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Runtime } from '#kit/core/runtime';
import { DependencyUnavailable } from '#kit/errors/problem';
import type { Redis } from '#kit/redis/client';
import type { Connection } from './connection';

/** Who of one instance is in a room. */
const Attendance = Type.Object({ connections: Type.Integer(), members: Type.Array(Type.String()) });
type Attendance = Static<typeof Attendance>;

/** What an instance has said holds so long; then it must have died. */
const HELD_SECONDS = 8;
/** Well within what holds. */
export const PRESENCE_REFRESH_MS = 2_500;
/** Names shown of a room; its count goes on. */
const MOST_MEMBERS = 1_000;
const INSTANCES_KEY = 'chat:instances';
/** Instances not heard of for so long are not asked for any more. */
const FORGET_INSTANCE_MS = 60 * 60_000;

export interface Presence {
  /** Somebody has come or gone. */
  changed(channel: string): void;
  /** Over all instances. @throws DependencyUnavailable while Redis is away: a part of the number would be wrong */
  read(channel: string): Promise<Attendance>;
  /** Says everything again, so that it goes on holding. */
  refresh(channels: Iterable<string>): Promise<void>;
  /** Takes back all this instance has said. */
  clear(channels: Iterable<string>): Promise<void>;
}

/**
 * Counts of connections in Redis: each instance says its own for each room, for a short time, so that those of a killed
 * instance vanish by themselves.
 *
 * @param present the connections of this instance in a room
 */
export function createPresence(
  runtime: Runtime,
  redis: Redis,
  instance: string,
  present: (channel: string) => Iterable<Connection>,
): Presence {
  const writing = new Set<string>();
  const again = new Set<string>();

  async function write(channel: string): Promise<void> {
    const attendance = attendanceOf(present(channel));
    if (attendance.connections === 0) await redis.del(keyOf(channel, instance));
    else
      await redis.set(keyOf(channel, instance), JSON.stringify(attendance), {
        expiration: { type: 'EX', value: HELD_SECONDS },
      });
  }

  async function writeUntilRight(channel: string): Promise<void> {
    writing.add(channel);
    try {
      do {
        again.delete(channel);
        await write(channel);
      } while (again.has(channel));
    } catch (failure) {
      runtime.log.debug({ err: failure }, 'who is in a room could not be said; it is said again later');
    } finally {
      writing.delete(channel);
    }
  }

  return {
    changed(channel) {
      // One write at a time: the last one to arrive must be the newest.
      if (writing.has(channel)) again.add(channel);
      else void writeUntilRight(channel);
    },
    async read(channel) {
      try {
        const instances = await redis.zRange(INSTANCES_KEY, 0, -1);
        const others = instances.filter((other) => other !== instance);
        const said =
          others.length === 0 ? [] : await redis.mGet(others.map((other) => keyOf(channel, other)));
        return sum([attendanceOf(present(channel)), ...said.flatMap(parse)]);
      } catch (cause) {
        throw new DependencyUnavailable({
          detail: 'Who is in the room cannot be told at the moment.',
          headers: { 'retry-after': '1' },
          cause,
        });
      }
    },
    async refresh(channels) {
      const now = Date.now();
      await redis.zAdd(INSTANCES_KEY, { score: now, value: instance });
      await redis.zRemRangeByScore(INSTANCES_KEY, 0, now - FORGET_INSTANCE_MS);
      for (const channel of channels) await write(channel);
    },
    async clear(channels) {
      const keys = [...channels].map((channel) => keyOf(channel, instance));
      if (keys.length > 0) await redis.del(keys);
      await redis.zRem(INSTANCES_KEY, instance);
    },
  };
}

const keyOf = (channel: string, instance: string) => `chat:presence:${channel}:${instance}`;

function attendanceOf(connections: Iterable<Connection>): Attendance {
  const members = new Set<string>();
  let count = 0;
  for (const { user } of connections) {
    count++;
    if (user !== undefined && members.size < MOST_MEMBERS) members.add(user.username);
  }
  return { connections: count, members: [...members] };
}

function parse(text: string | null): Attendance[] {
  const value: unknown = text === null ? null : JSON.parse(text);
  return Value.Check(Attendance, value) ? [value] : [];
}

const sum = (all: readonly Attendance[]): Attendance => ({
  connections: all.reduce((total, { connections }) => total + connections, 0),
  members: [...new Set(all.flatMap(({ members }) => members))].sort().slice(0, MOST_MEMBERS),
});
