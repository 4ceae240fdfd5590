import { createClient, RESP_TYPES } from 'redis';
import { EVERY_LIKE_CHANGED, LIKES_FAMILY, likeChangesChannel } from '#contracts/changes/likes';
import type { LikesStorage } from './deps';

/**
 * Copies all likes, with the messages that are waiting, from one Redis to another, where their names may begin differently. It
 * may be repeated: a key that exists is replaced. No like is given meanwhile.
 *
 * @param source.url of one server
 * @returns number of keys
 */
export async function copyLikes(
  source: { url: string; prefix?: string },
  { redis, prefix }: LikesStorage,
): Promise<number> {
  const { url, prefix: before = LIKES_FAMILY } = source;
  const from = createClient({ url, socket: { reconnectStrategy: false } });
  // The command that is waiting rejects.
  from.on('error', () => undefined);
  await from.connect();
  const binary = from.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  let copied = 0;
  try {
    for await (const keys of from.scanIterator({ MATCH: `${before}:*`, COUNT: 500 }))
      for (const key of keys) {
        const [value, ttlMs] = await Promise.all([binary.dump(key), from.pTTL(key)]);
        // It has expired.
        if (value === null) continue;
        const name = `${prefix}${key.slice(before.length)}`;
        await redis.restore(name, Math.max(0, ttlMs), value, { REPLACE: true });
        copied++;
      }
  } finally {
    from.destroy();
  }
  await redis.publish(likeChangesChannel(prefix), EVERY_LIKE_CHANGED);
  return copied;
}
