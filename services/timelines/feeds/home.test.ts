import { afterAll, describe, expect, test } from 'bun:test';
import { openRedis } from '#kit/redis/client';
import type { Redis } from '#kit/redis/commands';
import { callerOf } from '../../../tests/support/call';
import { eventually } from '../../../tests/support/eventually';
import { testRuntime } from '../../../tests/support/servers';
import { idsOf, type Member, startTimelines } from '../../../tests/support/timelines';
import { timelines } from '..';
import { upsertFollow } from '../people/relations-store';
import { buildFeed } from './build';
import { readFeed } from './store';
import { syncFollow } from './sync';

const runtime = testRuntime('timelines-home');
// Small, so that every run reaches the floor of the feed, and authors who are merged at read time.
const service = await startTimelines(runtime, { homeSize: 12, fanoutFollowersLimit: 3 });
const { call, deps, fanOut, join, post, readHome, relate, storage } = service;

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

describe('a home timeline', () => {
  test('misses no post created just before or during the build of its feed', async () => {
    const [reader, author] = [await join('building'), await join('built_for')];
    await relate('followed', reader, author);
    const ids: string[] = [];
    const redis = interrupted(['evalSha'], async () => {
      ids.unshift(await post(author));
      await fanOut(author.id, String(ids[0]));
    });
    await buildFeed({ ...deps, redis }, reader.id);
    expect(ids.length).toBeGreaterThan(1);
    expect((await readFeed(deps.redis, reader.id, { after: null, limit: 9 }))?.ids).toEqual(ids);
  });

  test('includes an author followed again while the unfollow is still being handled', async () => {
    const [reader, author] = [await join('wavering'), await join('wavered')];
    const ids = [await post(author), await post(author)].reverse();
    await buildFeed(deps, reader.id);
    await relate('followed', reader, author);
    await upsertFollow(deps.database, { ...pair(reader, author), active: false, version: 1_000 });
    let refollowed = false;
    const redis = interrupted(['zRem'], async () => {
      if (refollowed) return;
      refollowed = true;
      await upsertFollow(deps.database, { ...pair(reader, author), active: true, version: 1_001 });
      await syncFollow(deps, reader.id, author.id);
    });
    await syncFollow({ ...deps, redis }, reader.id, author.id);
    expect((await readFeed(deps.redis, reader.id, { after: null, limit: 9 }))?.ids).toEqual(ids);
    await relate('followed', reader, author);
    expect(await readHome(reader, 20)).toEqual(ids);
  });

  test('drops the posts of an unfollowed author', async () => {
    const [reader, author] = [await join('leaving'), await join('left')];
    await relate('followed', reader, author);
    await post(author);
    await buildFeed(deps, reader.id);
    await relate('unfollowed', reader, author);
    expect(await readFeed(deps.redis, reader.id, { after: null, limit: 10 })).toEqual({
      ids: [],
      floor: null,
    });
  });

  test('continues from the feed into the database without gaps or duplicates, while it grows', async () => {
    const [reader, author] = [await join('seam'), await join('seam_author')];
    await relate('followed', reader, author);
    const old: string[] = [];
    for (let index = 0; index < 30; index++) old.unshift(await post(author));
    await buildFeed(deps, reader.id);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const response = await call('GET', `/posts/home/seam?limit=4${cursor && `&cursor=${cursor}`}`, reader);
      seen.push(...idsOf(response));
      await fanOut(author.id, await post(author));
      if (response.body.next_cursor === null) break;
      cursor = String(response.body.next_cursor);
    }
    expect(seen).toEqual(old);
  });

  test('shows my own post at once', async () => {
    const author = await join('own_home');
    await buildFeed(deps, author.id);
    const id = await post(author);
    expect(await readHome(author, 20)).toEqual([id]);
  });

  test('is served from the database while Redis is unavailable', async () => {
    const otherRuntime = testRuntime('timelines-without-redis');
    const redis = await openRedis(otherRuntime, { url: 'redis://127.0.0.1:1', required: false });
    const without = callerOf(timelines({ ...deps, runtime: otherRuntime, redis }, service.live));
    const [reader, author] = [await join('without_redis'), await join('without_redis_author')];
    await relate('followed', reader, author);
    const ids = [await post(author), await post(author)].reverse();
    const created = await without('POST', '/posts', { ...reader, body: { text: 'still here' } });
    const response = await without('GET', '/posts/home/without_redis', reader);
    expect([created.status, response.status, idsOf(response)]).toEqual([
      201,
      200,
      [String(created.body.id), ...ids],
    ]);
    await otherRuntime.close();
  });

  test('of a reader whose feed has expired is built on the next read', async () => {
    const reader = await join('returning');
    const id = await post(reader);
    expect(await readHome(reader, 20)).toEqual([id]);
    await eventually(
      async () => (await readFeed(deps.redis, reader.id, { after: null, limit: 5 }))?.ids[0] === id,
    );
  });
});

/** Redis with a hook that runs just before each call of these commands. */
function interrupted(commands: readonly string[], before: () => Promise<void>): Redis {
  return new Proxy(deps.redis, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function' || !commands.includes(String(name))) return member;
      return async (...args: unknown[]) => {
        await before();
        return member.apply(target, args);
      };
    },
  });
}

const pair = (follower: Member, followee: Member) => ({ followerId: follower.id, followeeId: followee.id });
