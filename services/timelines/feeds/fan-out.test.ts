import { afterAll, describe, expect, test } from 'bun:test';
import { testRuntime } from '../../../tests/support/servers';
import { startTimelines } from '../../../tests/support/timelines';
import { buildFeed } from './build';
import { deliverPosts, type FanOut } from './fan-out';
import { readFeed } from './store';

const runtime = testRuntime('timelines-fan-out');
// Small, so that every run reaches the floor of the feed, and authors who are merged at read time.
const service = await startTimelines(runtime, { homeSize: 12, fanoutFollowersLimit: 3 });
const { call, deps, fanOut, join, post, readHome, relate, storage } = service;

async function deliverOne(to: typeof deps, fanOut: FanOut) {
  const [result] = await deliverPosts(to, [fanOut]);
  if (result === undefined) throw new Error('no result');
  return result;
}

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
    const first = await deliverOne(many, { ...batch, afterFollower: null });
    expect(first.nextAfterFollower).toBeDefined();
    const second = await deliverOne(many, { ...batch, afterFollower: first.nextAfterFollower ?? null });
    expect(second.nextAfterFollower).toBeUndefined();
    expect(first.delivered + second.delivered).toBe(2);
    for (const reader of readers)
      expect((await readFeed(deps.redis, reader.id, { after: null, limit: 5 }))?.ids).toEqual([postId]);
    expect(await readFeed(deps.redis, inactive.id, { after: null, limit: 5 })).toBeNull();
  });

  test('delivers posts of several authors together, each to its own readers and in batches of its own', async () => {
    const [one, other, gone] = [await join('fan_one'), await join('fan_other'), await join('fan_gone')];
    const [both, onlyOne, onlyOther] = [await join('fan_both'), await join('fan_r1'), await join('fan_r2')];
    for (const reader of [both, onlyOne]) await relate('followed', reader, one);
    for (const reader of [both, onlyOther, onlyOne]) await relate('followed', reader, gone);
    for (const reader of [both, onlyOther]) await relate('followed', reader, other);
    for (const reader of [one, other, both, onlyOne, onlyOther]) await buildFeed(deps, reader.id);
    const many = { ...deps, fanoutFollowersLimit: 100 };
    const deleted = await post(gone);
    await call('DELETE', `/posts/id/${deleted}`, gone);
    const sent: FanOut[] = [
      { postId: await post(one), authorId: one.id, afterFollower: null, limit: 10 },
      { postId: await post(other), authorId: other.id, afterFollower: null, limit: 1 },
      { postId: deleted, authorId: gone.id, afterFollower: null, limit: 10 },
      { postId: await post(one), authorId: one.id, afterFollower: null, limit: 10 },
    ];
    const first = await deliverPosts(many, sent);
    const [firstFollower, lastFollower] = [both.id, onlyOther.id].sort();
    expect(first).toEqual([
      { delivered: 3, nextAfterFollower: undefined },
      { delivered: 2, nextAfterFollower: firstFollower },
      { delivered: 0, nextAfterFollower: undefined },
      { delivered: 3, nextAfterFollower: undefined },
    ]);
    const [, second, , fourth] = sent;
    if (second === undefined) throw new Error('no second post');
    const rest = await deliverPosts(many, [{ ...second, afterFollower: firstFollower ?? null }, ...sent]);
    expect(rest[0]).toEqual({ delivered: 1, nextAfterFollower: lastFollower });
    const idsIn = async (reader: { id: string }) =>
      (await readFeed(deps.redis, reader.id, { after: null, limit: 9 }))?.ids;
    expect(await idsIn(both)).toEqual([fourth?.postId ?? '', second.postId, sent[0]?.postId ?? '']);
    expect(await idsIn(onlyOne)).toEqual([fourth?.postId ?? '', sent[0]?.postId ?? '']);
    expect(await idsIn(onlyOther)).toEqual([second.postId]);
  });

  test('skips a post that has been deleted', async () => {
    const author = await join('fan_deleted');
    await buildFeed(deps, author.id);
    const postId = await post(author);
    await call('DELETE', `/posts/id/${postId}`, author);
    expect(await deliverOne(deps, { postId, authorId: author.id, afterFollower: null, limit: 10 })).toEqual({
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
