import { afterAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { uuidv7 } from '#kit/core/ids';
import { openRedis } from '#kit/redis/client';
import { keysOf } from '../../tests/support/redis';
import { REDIS_KINDS } from '../../tests/support/redis-kinds';
import { testRuntime, uniqueName } from '../../tests/support/servers';
import type { LikesStorage } from './deps';
import { rebuild } from './rebuild';
import { type Ranking, WINDOWS } from './rules';
import * as store from './store';

const runtime = testRuntime('likes-property');
const START_MS = Date.UTC(2026, 0, 1, 0, 30);
const POSTS = ['101', '102', '103', '104'];
const PEOPLE = ['ann', 'bob', 'cem', 'dee', 'eve'];
let messages = 0;

afterAll(() => runtime.close());

/** The expected likes. */
type Model = Map<string, { post: string; person: string; atMs: number; isPending: boolean }>;

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ act: fc.constant('like'), post: fc.nat(3), person: fc.nat(4) }) },
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constant('like-pending'), post: fc.nat(3), person: fc.nat(4) }),
  },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('settle'), post: fc.nat(3), person: fc.nat(4) }) },
  { weight: 5, arbitrary: fc.record({ act: fc.constant('unlike'), post: fc.nat(3), person: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('erase-person'), person: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('erase-post'), post: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('wait'), minutes: fc.nat({ max: 60 * 30 }) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('wait'), minutes: fc.nat({ max: 60 * 24 * 9 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

test.each(REDIS_KINDS)(
  'on %s, counts, lists and rankings agree after any sequence of likes, removals and erasures, and after a rebuild',
  async (_, urlOf) => {
    const redis = await openRedis(runtime, { url: await urlOf(), required: true });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const storage = { redis, prefix: redis.family(uniqueName('likes')) };
        const model: Model = new Map();
        let nowMs = START_MS;
        for (const one of steps) {
          if ('minutes' in one) nowMs += one.minutes * 60_000;
          else await act(storage, model, one, nowMs);
        }
        await expectAgreement(storage, model, nowMs);
        for (const [name, like] of model) if (like.isPending) model.delete(name);
        await corrupt(storage);
        await rebuild(storage, () => nowMs);
        await expectAgreement(storage, model, nowMs);
      }),
      { numRuns: redis.isCluster ? 5 : 25 },
    );
  },
  60_000,
);

async function act(storage: LikesStorage, model: Model, one: Step, nowMs: number) {
  const post = 'post' in one ? (POSTS[one.post] ?? '') : '';
  const person = 'person' in one ? (PEOPLE[one.person] ?? '') : '';
  const key = `${post} ${person}`;
  if (one.act === 'like' || one.act === 'like-pending') {
    const isPending = one.act === 'like-pending';
    const validation = { id: String(++messages), text: uuidv7() };
    const like = { postId: post, userId: person, nowMs, isPending, validation };
    const { isNew } = await store.addLike(storage, like);
    const known = model.get(key);
    expect(isNew).toBe(known === undefined);
    if (known !== undefined) {
      model.set(key, { ...known, isPending: known.isPending && isPending });
      return;
    }
    const newest = Math.max(0, ...[...model.values()].filter((l) => l.person === person).map((l) => l.atMs));
    model.set(key, { post, person, atMs: Math.max(nowMs, newest + 1), isPending });
  } else if (one.act === 'settle') {
    await store.settleLike(storage, { postId: post, userId: person, givenTo: post, nowMs });
    const known = model.get(key);
    if (known !== undefined) model.set(key, { ...known, isPending: false });
  } else if (one.act === 'unlike') {
    expect(await store.removeLike(storage, { postId: post, userId: person, nowMs })).toBe(model.delete(key));
  } else if (one.act === 'erase-person') {
    await store.erasePerson(storage, person, nowMs);
    for (const [name, like] of model) if (like.person === person) model.delete(name);
  } else {
    await store.erasePost(storage, post, nowMs);
    for (const [name, like] of model) if (like.post === post) model.delete(name);
  }
}

async function expectAgreement(storage: LikesStorage, model: Model, nowMs: number) {
  const likes = [...model.values()].filter(({ isPending }) => !isPending);
  const counts = await store.readCounts(storage, POSTS, 'ann');
  expect(counts).toEqual(
    POSTS.map((postId) => ({
      postId,
      count:
        likes.filter(({ post }) => post === postId).length + (model.get(`${postId} ann`)?.isPending ? 1 : 0),
      likedByViewer: model.has(`${postId} ann`),
    })),
  );
  for (const person of PEOPLE) {
    const listed = await store.listLikesOf(storage, { userId: person, beforeMs: null, limit: 100 });
    const expected = likes.filter((one) => one.person === person).sort((a, b) => b.atMs - a.atMs);
    expect(listed).toEqual(expected.map(({ post, atMs }) => ({ postId: post, likedAtMs: atMs })));
  }
  expect(await readScores(storage, 'all', nowMs)).toEqual(expectedScores(likes, () => 1));
  for (const { name, steps, stepMs } of WINDOWS) {
    const stepOf = (ms: number) => Math.floor(ms / stepMs);
    const points = (atMs: number) => Math.max(0, steps - (stepOf(nowMs) - stepOf(atMs)));
    expect(await readScores(storage, name, nowMs)).toEqual(expectedScores(likes, points));
  }
}

async function readScores({ redis, prefix }: LikesStorage, ranking: Ranking, nowMs: number) {
  await store.readPopular({ redis, prefix }, { ranking, skip: 0, limit: 100, nowMs });
  const ranked = await redis.zRangeWithScores(`${prefix}:popular:${ranking}`, 0, -1);
  return Object.fromEntries(ranked.map(({ value, score }) => [value, score]));
}

function expectedScores(likes: { post: string; atMs: number }[], pointsOf: (atMs: number) => number) {
  const sums: Record<string, number> = {};
  for (const { post, atMs } of likes) sums[post] = (sums[post] ?? 0) + pointsOf(atMs);
  return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum > 0));
}

/** Deletes or falsifies everything but the likers of posts. */
async function corrupt({ redis, prefix }: LikesStorage) {
  const keys = await keysOf(redis, `${prefix}:*`);
  const derived = keys.filter((key) => !key.startsWith(`${prefix}:post:`));
  await Promise.all(derived.map((key) => redis.unlink(key)));
  await redis.zAdd(`${prefix}:popular:all`, { value: '999', score: 5 });
  await redis.zAdd(`${prefix}:popular:day`, { value: '999', score: 5 });
  await redis.zAdd(`${prefix}:person:ann`, { value: '999', score: 5 });
}
