import type { Redis } from '#kit/redis/commands';
import { publishIn, redisScript } from '#kit/redis/script';
import { type InstanceRecord, keyOf, parseRecord, VERSION_LENGTH } from '../table/records';
import { parseMessage, type ReplicaMessage } from './messages';

/** A record is a few kilobytes: this batch size keeps one script in Redis below a few milliseconds. */
const RECORDS_PER_BATCH = 200;

/** Stores the later of two versions of each record, sets the completeness marker, and publishes the message. */
const publishScript = redisScript(`
  for i = 5, #ARGV, 2 do
    local known = redis.call('HGET', KEYS[1], ARGV[i])
    if not known or string.sub(known, 1, ${VERSION_LENGTH}) < string.sub(ARGV[i + 1], 1, ${VERSION_LENGTH}) then
      redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    end
  end
  if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[2], '1', 'PX', ARGV[3]) end
  return redis.call(ARGV[4], ARGV[1], ARGV[2])
`);

export type RecordStore = Awaited<ReturnType<typeof openRecordStore>>;

/**
 * The state that replicas share in Redis: one hash of all records, a channel, and a marker that the records list every
 * registered instance.
 *
 * @param options.group the replicas of one group share one table
 * @param options.received called with each message, this replica's own included
 * @param options.invalid called for a message or record that is malformed
 */
export async function openRecordStore(
  redis: Redis,
  options: {
    group: string;
    received: (message: ReplicaMessage) => void;
    invalid: (what: 'message' | 'record') => void;
  },
) {
  const { group, received, invalid } = options;
  const channel = redis.family(`${group}:registry`);
  const records = `${channel}:records`;
  const complete = `${channel}:complete`;

  function receive(text: string) {
    const message = parseMessage(text);
    if (message === undefined) invalid('message');
    else received(message);
  }

  // A failed subscription receives no messages; replication notices the missing echo and subscribes again.
  const subscribe = () => redis.subscribe(channel, receive).catch(() => undefined);
  await subscribe();

  return {
    /** @param completeMs how long the records are known to be complete from now on; 0 leaves the marker unchanged */
    async publish(message: ReplicaMessage, completeMs: number): Promise<void> {
      for (const batch of batchesOf(message.records)) {
        const values = batch.flatMap((record) => [
          keyOf(record),
          `${record.version} ${JSON.stringify(record)}`,
        ]);
        const text = JSON.stringify({ ...message, records: batch });
        await publishScript(
          redis,
          [records, complete],
          [channel, text, String(completeMs), publishIn(redis), ...values],
        );
      }
    },
    /** The versions of all records; `read` parses a record, for those that are newer than the local one. */
    async readAll(): Promise<{ key: string; version: string; read: () => InstanceRecord | undefined }[]> {
      const all = await redis.hGetAll(records);
      return Object.entries(all).map(([key, value]) => ({
        key,
        version: value.slice(0, VERSION_LENGTH),
        read() {
          const record = parseRecord(value.slice(VERSION_LENGTH + 1));
          if (record === undefined) invalid('record');
          return record;
        },
      }));
    },
    isComplete: async () => (await redis.exists(complete)) === 1,
    async remove(keys: readonly string[]): Promise<void> {
      if (keys.length > 0) await redis.hDel(records, [...keys]);
    },
    /** Subscribes again after a failure. */
    resubscribe() {
      if (redis.isReady) void subscribe();
    },
    close: () => redis.unsubscribe(channel),
  };
}

/** At least one batch: a message without records is published as well. */
function batchesOf(records: readonly InstanceRecord[]): InstanceRecord[][] {
  const batches: InstanceRecord[][] = [];
  for (let start = 0; start === 0 || start < records.length; start += RECORDS_PER_BATCH)
    batches.push(records.slice(start, start + RECORDS_PER_BATCH));
  return batches;
}
