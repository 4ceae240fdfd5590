import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { openRedis } from '#kit/redis/client';
import type { Redis } from '#kit/redis/commands';
import { REDIS_KINDS } from '../../../tests/support/redis-kinds';
import { testRuntime } from '../../../tests/support/servers';
import {
  addToFeeds,
  beginFeed,
  deleteFeed,
  deliverToFeeds,
  finishFeed,
  readFeed,
  removeFromFeed,
} from './store';

const runtime = testRuntime('timelines-feeds');
let redis: Redis;
const nextId = createIdGenerator(1);

afterAll(() => runtime.close());

describe.each(REDIS_KINDS)('a feed on %s', (_, urlOf) => {
  beforeAll(async () => {
    redis = await openRedis(runtime, { url: await urlOf(), required: true });
  }, 120_000);

  const add = (readerId: string, ids: string[], homeSize = 3) =>
    deliverToFeeds(redis, [readerId], ids, homeSize);
  const read = (readerId: string, after: string | null, limit: number) =>
    readFeed(redis, readerId, { after, limit });

  test('holds the newest ids, down to its floor, and accepts none below that', async () => {
    const reader = uuidv7();
    expect(await add(reader, ['10'])).toBe(0);
    expect(await beginFeed(redis, reader, 'a')).toBe(true);
    expect(await beginFeed(redis, reader, 'b')).toBe(false);
    await add(reader, ['40', '5']);
    expect(await read(reader, null, 10)).toBeNull();
    const feed = { ids: ['30', '20'], floor: '20', homeSize: 3 };
    expect(await finishFeed(redis, reader, { ...feed, token: 'b' })).toBe(false);
    expect(await finishFeed(redis, reader, { ...feed, token: 'a' })).toBe(true);
    expect(await beginFeed(redis, reader, 'c')).toBe(false);
    expect(await read(reader, null, 10)).toEqual({ ids: ['40', '30', '20'], floor: '20' });
    await add(reader, ['10', '50', '50', '35']);
    expect(await read(reader, null, 10)).toEqual({ ids: ['50', '40', '35'], floor: '35' });
    expect(await read(reader, null, 2)).toEqual({ ids: ['50', '40'] });
    expect(await read(reader, '40', 2)).toEqual({ ids: ['35'], floor: '35' });
    expect(await read(reader, '35', 2)).toBeNull();
  });

  test('stays a listpack with 800 ids, and expires a week after its last read', async () => {
    const reader = uuidv7();
    const ids = Array.from({ length: 900 }, () => nextId());
    await beginFeed(redis, reader, 'a');
    await finishFeed(redis, reader, { token: 'a', ids, floor: null, homeSize: 800 });
    await add(reader, [nextId()], 800);
    expect(await redis.zCard(`home:{${reader}}`)).toBe(801);
    expect(await redis.objectEncoding(`home:{${reader}}`)).toBe('listpack');
    expect(await redis.ttl(`home:{${reader}}`)).toBeGreaterThan(6 * 86_400);
    expect((await read(reader, null, 1000))?.floor).toBe(String(ids[101]));
  });

  test('is one of many that are filled together', async () => {
    const [withFeed, withoutFeed] = [Array.from({ length: 20 }, uuidv7), Array.from({ length: 5 }, uuidv7)];
    for (const reader of withFeed) {
      await beginFeed(redis, reader, 'a');
      await finishFeed(redis, reader, { token: 'a', ids: ['20'], floor: null, homeSize: 3 });
    }
    const postsOf = new Map([...withFeed, ...withoutFeed].map((reader) => [reader, ['30', '40']]));
    expect(await addToFeeds(redis, postsOf, 3)).toEqual(new Set(withFeed));
    for (const reader of withFeed) {
      await removeFromFeed(redis, reader, ['30']);
      expect((await read(reader, null, 10))?.ids).toEqual(['40', '20']);
      await deleteFeed(redis, reader);
      expect(await read(reader, null, 10)).toBeNull();
    }
  });
});
