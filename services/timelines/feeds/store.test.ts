import { afterAll, describe, expect, test } from 'bun:test';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { openRedis } from '#kit/redis/client';
import { serverVariable, testRuntime } from '../../../tests/support/servers';
import { beginFeed, deliverToFeeds, finishFeed, readFeed } from './store';

const runtime = testRuntime('timelines-feeds');
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
const nextId = createIdGenerator(1);

afterAll(() => runtime.close());

describe('a feed', () => {
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
});
