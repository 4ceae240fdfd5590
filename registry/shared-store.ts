import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { withTimeout } from '#kit/core/runtime';
import type { Redis } from '#kit/redis/client';
import { redisScript } from '#kit/redis/script';
import { keyOf, readRecord, SharedRecord, VERSION_LENGTH } from './shared-records';

/** What one replica tells the others, at least twice a second. */
export const ReplicaMessage = Type.Object({
  from: Type.String({ maxLength: 64, description: 'The epoch of the replica' }),
  /** `hello`: tell me of yourself at once. `bye`: do not wait for me. */
  sign: Type.Optional(Type.Union([Type.Literal('hello'), Type.Literal('bye')])),
  records: Type.Array(SharedRecord),
  beats: Type.Array(Type.Tuple([Type.String(), Type.Union([Type.Number(), Type.Null()])]), {
    description: 'Instances heard since the last message, as name/id, and their load',
  }),
  drains: Type.Array(
    Type.Object({
      key: Type.String(),
      version: Type.String(),
      acknowledged_by: Type.Integer(),
      waiting_for: Type.Integer(),
    }),
    { description: 'How far the gateways that watch this replica are with each draining instance' },
  ),
  acknowledgements: Type.Array(
    Type.Object({ watcher: Type.String(), key: Type.String(), revision: Type.Integer() }),
    { description: 'Of watchers of another replica, which came to this one; by the hash of their token' },
  ),
});
export type ReplicaMessage = Static<typeof ReplicaMessage>;

const checkMessage = TypeCompiler.Compile(ReplicaMessage);

const SUBSCRIBE_TIMEOUT_MS = 2_000;
/** A record is a few kilobytes: so many at once keep one step of Redis below a few milliseconds. */
const RECORDS_AT_ONCE = 200;

/** Keeps the later of two versions of each record, marks that somebody knows everybody, and tells all replicas. */
const tell = redisScript(`
  for i = 4, #ARGV, 2 do
    local known = redis.call('HGET', KEYS[1], ARGV[i])
    if not known or string.sub(known, 1, ${VERSION_LENGTH}) < string.sub(ARGV[i + 1], 1, ${VERSION_LENGTH}) then
      redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    end
  end
  if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[2], '1', 'PX', ARGV[3]) end
  return redis.call('PUBLISH', ARGV[1], ARGV[2])
`);

export type SharedStore = Awaited<ReturnType<typeof openSharedStore>>;

/**
 * What replicas share, in Redis: one hash of all records, a channel, and a mark that some replica alive knows everybody.
 *
 * @param group replicas of one group share one table
 * @param heard gets each message, one's own as well
 */
export async function openSharedStore(
  redis: Redis,
  options: { group: string; heard: (message: ReplicaMessage) => void; unreadable: (what: string) => void },
) {
  const { group, heard, unreadable } = options;
  const records = `${group}:registry:records`;
  const complete = `${group}:registry:complete`;
  const channel = `${group}:registry`;
  // A connection of its own: a subscribed one takes no commands.
  const subscriber = redis.duplicate();

  function receive(text: string) {
    const message = parsed(text);
    if (message === undefined) unreadable('a message');
    else heard(message);
  }

  // The main connection tells the log of Redis being away; an error event nobody hears would end the process.
  subscriber.on('error', () => undefined);
  // One that fails hears nothing: that is noticed by whoever waits for its own messages, and tried again.
  const listen = () => void subscriber.subscribe(channel, receive).catch(() => undefined);
  subscriber.on('ready', listen);
  // The client goes on trying by itself.
  const connected = subscriber.connect().catch(() => undefined);
  if (redis.isReady)
    await withTimeout(connected, SUBSCRIBE_TIMEOUT_MS, 'connecting to Redis').catch(() => undefined);

  return {
    /** @param completeMs for how long from now on a replica that begins may believe the records; 0 says nothing */
    async tell(message: ReplicaMessage, completeMs: number): Promise<void> {
      const parts = chunked(message.records);
      for (const part of parts) {
        const values = part.flatMap((record) => [
          keyOf(record),
          `${record.version} ${JSON.stringify(record)}`,
        ]);
        const text = JSON.stringify({ ...message, records: part });
        await tell(redis, [records, complete], [channel, text, String(completeMs), ...values]);
      }
    },
    /** The versions of all records, and how to read one that is newer than what is known. */
    async readAll(): Promise<{ key: string; version: string; read: () => SharedRecord | undefined }[]> {
      const all = await redis.hGetAll(records);
      return Object.entries(all).map(([key, value]) => ({
        key,
        version: value.slice(0, VERSION_LENGTH),
        read() {
          const record = readRecord(value.slice(VERSION_LENGTH + 1));
          if (record === undefined) unreadable('a record');
          return record;
        },
      }));
    },
    isComplete: async () => (await redis.exists(complete)) === 1,
    async forget(keys: readonly string[]): Promise<void> {
      if (keys.length > 0) await redis.hDel(records, [...keys]);
    },
    /** Subscribes again, where that has failed. */
    listen() {
      if (subscriber.isReady) listen();
    },
    close: () => subscriber.destroy(),
  };
}

/** At least one part: a message without records is told as well. */
function chunked(records: readonly SharedRecord[]): SharedRecord[][] {
  const parts: SharedRecord[][] = [];
  for (let start = 0; start === 0 || start < records.length; start += RECORDS_AT_ONCE)
    parts.push(records.slice(start, start + RECORDS_AT_ONCE));
  return parts;
}

function parsed(text: string): ReplicaMessage | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return checkMessage.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
