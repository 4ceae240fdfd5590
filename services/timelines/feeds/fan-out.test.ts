import { afterAll, describe, expect, test } from 'bun:test';
import { testRuntime } from '../../../tests/support/servers';
import { startTimelines } from '../../../tests/support/timelines';
import { buildFeed } from './build';
import { deliverPost } from './fan-out';
import { readFeed } from './store';

const runtime = testRuntime('timelines-fan-out');
// Small, so that every run reaches the floor of the feed, and authors who are merged at read time.
const service = await startTimelines(runtime, { homeSize: 12, fanoutFollowersLimit: 3 });
const { call, deps, fanOut, join, post, readHome, relate, storage } = service;

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

describe('fan-out', () => {
  test('delivers into every existing feed, batch by batch', async () => {
    const author = await join('fan_author');
    const readers = await Promise.all([1, 2].map((index) => join(`fan_${index}`)));
    const inactive = await join('fan_inactive');
    for (const reader of [...readers, inactive]) {
      await relate('followed', reader, author);
      if (reader !== inactive) await buildFeed(deps, reader.id);
    }
    // Above the limit of three followers that this service has.
    const many = { ...deps, fanoutFollowersLimit: 100 };
    const postId = await post(author);
    const batch = { postId, authorId: author.id, limit: 2 };
    const first = await deliverPost(many, { ...batch, afterFollower: null });
    expect(first.nextAfterFollower).toBeDefined();
    const second = await deliverPost(many, { ...batch, afterFollower: first.nextAfterFollower ?? null });
    expect(second.nextAfterFollower).toBeUndefined();
    expect(first.delivered + second.delivered).toBe(2);
    for (const reader of readers)
      expect((await readFeed(deps.redis, reader.id, { after: null, limit: 5 }))?.ids).toEqual([postId]);
    expect(await readFeed(deps.redis, inactive.id, { after: null, limit: 5 })).toBeNull();
  });

  test('skips a post that has been deleted', async () => {
    const author = await join('fan_deleted');
    await buildFeed(deps, author.id);
    const postId = await post(author);
    await call('DELETE', `/posts/id/${postId}`, author);
    expect(await deliverPost(deps, { postId, authorId: author.id, afterFollower: null, limit: 10 })).toEqual({
      delivered: 0,
      nextAfterFollower: undefined,
    });
  });

  test('leaves authors with many followers to be merged at read time', async () => {
    const author = await join('star');
    const readers = await Promise.all([1, 2, 3].map((index) => join(`star_fan_${index}`)));
    for (const reader of readers) {
      await relate('followed', reader, author);
      await buildFeed(deps, reader.id);
    }
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) {
      ids.unshift(await post(author));
      await fanOut(author.id, String(ids[0]));
    }
    for (const reader of readers) {
      expect((await readFeed(deps.redis, reader.id, { after: null, limit: 9 }))?.ids).toEqual([]);
      expect(await readHome(reader, 2)).toEqual(ids);
    }
  });
});
