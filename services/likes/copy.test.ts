import { afterAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { openRedis } from '#kit/redis/client';
import { keysOf } from '../../tests/support/redis';
import { sharedCluster } from '../../tests/support/redis-kinds';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { copyLikes } from './copy';
import type { LikesStorage } from './deps';
import { claimMessages } from './redis-outbox-store';
import * as store from './store';

const runtime = testRuntime('likes-copy');
afterAll(() => runtime.close());

const NOW_MS = Date.UTC(2026, 0, 1);
const POSTS = ['101', '102', '103'];

/** Keys as the version before clusters has written them. */
async function writeOldKeys(storage: LikesStorage, [ann, bob]: readonly [string, string]) {
  const { redis, prefix } = storage;
  for (const [userId, postId, at] of [
    [ann, '101', NOW_MS],
    [ann, '102', NOW_MS + 1],
    [bob, '101', NOW_MS + 2],
  ] as const) {
    await redis.zAdd(`${prefix}:post:${postId}`, { value: userId, score: at });
    await redis.zAdd(`${prefix}:person:${userId}`, { value: postId, score: at });
  }
  await redis.zAdd(`${prefix}:pending:103`, { value: ann, score: NOW_MS + 3 });
  await redis.zAdd(`${prefix}:pending-of:${ann}`, { value: '103', score: NOW_MS + 3 });
  await redis.zAdd(`${prefix}:popular:all`, [
    { value: '101', score: 2 },
    { value: '102', score: 1 },
  ]);
  await redis.set(`${prefix}:digest:${bob}`, '10', { expiration: { type: 'EX', value: 600 } });
  const validation = { id: uuidv7(), text: '{"waiting":true}' };
  await store.addLike(storage, {
    postId: '103',
    userId: bob,
    nowMs: NOW_MS + 4,
    isPending: true,
    validation,
  });
}

async function view(storage: LikesStorage, [ann, bob]: readonly [string, string]) {
  return {
    counts: await store.readCounts(storage, POSTS, ann),
    liked: await store.listLikedPosts(storage, [ann, bob], 100),
    popular: await store.readPopular(storage, { ranking: 'all', skip: 0, limit: 10, nowMs: NOW_MS }),
    waiting: (await claimMessages(storage, { broker: 'beanstalkd', limit: 10, leaseMs: 0 })).map(
      ([, m]) => m,
    ),
  };
}

test('likes of one server are found on a cluster, as often as they are copied, with what expires', async () => {
  const people = [uuidv7(), uuidv7()] as const;
  const url = serverVariable('REDIS_URL');
  const old = await openRedis(runtime, { url, required: true });
  const from = { redis: old, prefix: uniqueName('likes') };
  await writeOldKeys(from, people);
  const expected = await view(from, people);
  expect(expected.counts.map(({ count }) => count)).toEqual([2, 1, 1]);

  const redis = await openRedis(runtime, { url: (await sharedCluster()).url, required: true });
  const to = { redis, prefix: redis.family(from.prefix) };
  for (let attempt = 0; attempt < 2; attempt++)
    expect(await copyLikes({ url, prefix: from.prefix }, to)).toBe(
      (await keysOf(old, `${from.prefix}:*`)).length,
    );
  expect(await view(to, people)).toEqual(expected);
  expect(await redis.ttl(`${to.prefix}:digest:${people[1]}`)).toBeGreaterThan(0);
  const unliked = { postId: '101', userId: people[0], nowMs: NOW_MS + 5 };
  expect(await store.removeLike(to, unliked)).toBe(true);
});
