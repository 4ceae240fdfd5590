import { afterAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createClient } from 'redis';
import {
  EVERY_LIKE_CHANGED,
  type LikeChange,
  likeChangesChannel,
  parseLikeChange,
} from '#contracts/changes/likes';
import { uuidv7 } from '#kit/core/ids';
import { openRedis } from '#kit/redis/client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import type { LikesStorage } from './deps';
import { rebuild } from './rebuild';
import * as store from './store';

const runtime = testRuntime('likes-changes');
const url = serverVariable('REDIS_URL');
const redis = await openRedis(runtime, { url, required: true });
/** With RESP3 notifications and replies arrive on one connection, in the order Redis has sent them. */
const subscriber = createClient({ url, RESP: 3 });
await subscriber.connect();

const START_MS = Date.UTC(2026, 0, 1);
const POSTS = ['101', '102', '103', '104'];
const PEOPLE = Array.from({ length: 5 }, () => uuidv7());
/** Lists are truncated, so that what is beyond their end is covered as well. */
const LISTED = 3;
let messages = 0;

afterAll(async () => {
  subscriber.destroy();
  await runtime.close();
});

const like = { post: fc.constantFrom(...POSTS), person: fc.constantFrom(...PEOPLE) };
const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      act: fc.constantFrom('like', 'like-pending', 'settle', 'unlike', 'withdraw', 'import'),
      ...like,
    }),
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('move'), ...like, to: fc.constantFrom(...POSTS) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom('erase-person', 'erase-post'), ...like }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom('lose-lists', 'lose-likers'), ...like }) },
  { weight: 16, arbitrary: fc.record({ act: fc.constant('load'), ...like }) },
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

/** Steps of one group run concurrently: changes overtake loads. */
const groups = fc.array(fc.array(step, { minLength: 1, maxLength: 8, size: 'max' }), {
  maxLength: 15,
  size: 'max',
});

test('counts and lists that are dropped when a notification names them equal the stored ones after any changes', async () => {
  let remembered = 0;
  await fc.assert(
    fc.asyncProperty(groups, async (history) => {
      const storage = { redis, prefix: redis.family(uniqueName('likes')) };
      const reader = await startReader(storage);
      for (const [index, group] of history.entries())
        await Promise.all(group.map((one) => act(storage, reader, one, START_MS + index * 1_000)));
      await reader.catchUp();
      for (const [postId, count] of reader.counts)
        expect(count).toBe(await redis.zCard(`${storage.prefix}:post:${postId}`));
      for (const [userId, list] of reader.lists) expect(list).toEqual(await readList(storage, userId));
      remembered += reader.counts.size + reader.lists.size;
      await reader.stop();
    }),
    { numRuns: 40 },
  );
  expect(remembered).toBeGreaterThan(0);
}, 60_000);

test('a rebuild names everything, then each entry of a list that it corrects', async () => {
  const storage = { redis, prefix: redis.family(uniqueName('likes')) };
  const [userId = '', other = ''] = PEOPLE;
  const validation = { id: 'a-message', text: '{}' };
  for (const postId of ['101', '102'])
    await store.addLike(storage, { postId, userId, nowMs: START_MS, isPending: false, validation });
  await redis.zRem(`${storage.prefix}:person:${userId}`, '102');
  await redis.zAdd(`${storage.prefix}:person:${other}`, { value: '103', score: START_MS });
  const notified: string[] = [];
  const channel = likeChangesChannel(storage.prefix);
  await subscriber.subscribe(channel, (notification) => notified.push(notification));
  await rebuild(storage, () => START_MS);
  await subscriber.ping();
  await subscriber.unsubscribe(channel);
  expect(notified).toEqual([EVERY_LIKE_CHANGED, `102 ${userId}`, `103 ${other}`]);
});

type Reader = Awaited<ReturnType<typeof startReader>>;

/** Remembers what it has loaded, and forgets what a notification names. */
async function startReader(storage: LikesStorage) {
  const counts = new Map<string, number>();
  const lists = new Map<string, store.LikedPosts>();
  /** What is loading, by what a notification would name. */
  const loading = new Map<symbol, string>();
  const forget = (change: LikeChange) => {
    const isNamed = (what: string) =>
      change === 'everything' || what === change.postId || what === change.userId;
    for (const remembered of [counts, lists])
      for (const what of remembered.keys()) if (isNamed(what)) remembered.delete(what);
    for (const [load, what] of loading) if (isNamed(what)) loading.delete(load);
  };
  const channel = likeChangesChannel(storage.prefix);
  await subscriber.subscribe(channel, (notification) => forget(parseLikeChange(notification)));

  async function load<Value>(what: string, read: () => Promise<Value>, keep: (value: Value) => void) {
    const load = Symbol(what);
    loading.set(load, what);
    const value = await read();
    if (loading.delete(load)) keep(value);
  }

  return {
    counts,
    lists,
    loadCount: (postId: string) =>
      load(
        postId,
        () => store.countLikes(storage, [postId]),
        ([count = 0]) => counts.set(postId, count),
      ),
    loadList: (userId: string) =>
      load(
        userId,
        () => readList(storage, userId),
        (list) => lists.set(userId, list),
      ),
    /** A reply follows all notifications that were published before. */
    catchUp: () => subscriber.ping(),
    stop: () => subscriber.unsubscribe(channel),
  };
}

async function readList(storage: LikesStorage, userId: string) {
  const [list] = await store.listLikedPosts(storage, [userId], LISTED);
  if (list === undefined) throw new Error('No list of a person');
  return list;
}

async function act(storage: LikesStorage, reader: Reader, one: Step, nowMs: number): Promise<unknown> {
  const { act, post: postId, person: userId } = one;
  const given = { postId, userId, nowMs };
  const validation = { id: String(++messages), text: '{}' };
  switch (act) {
    case 'like':
    case 'like-pending':
      return store.addLike(storage, { ...given, isPending: act === 'like-pending', validation });
    case 'settle':
    case 'move':
      return store.settleLike(storage, { ...given, postId: 'to' in one ? one.to : postId, givenTo: postId });
    case 'unlike':
      return store.removeLike(storage, given);
    case 'withdraw':
      return store.removeLike(storage, { ...given, withdrawal: validation });
    case 'import':
      return store.importLike(storage, { postId, userId, likedAtMs: nowMs - 86_400_000 });
    case 'erase-person':
      return store.erasePerson(storage, userId, nowMs);
    case 'erase-post':
      return store.erasePost(storage, postId, nowMs);
    case 'lose-lists': {
      await Promise.all(PEOPLE.map((id) => redis.unlink(`${storage.prefix}:person:${id}`)));
      const rebuilt = rebuild(storage, () => nowMs);
      // After the notification with which the rebuild begins, before it has corrected the lists.
      await redis.ping();
      return Promise.all([rebuilt, ...PEOPLE.map(reader.loadList)]);
    }
    case 'lose-likers':
      await redis.unlink(`${storage.prefix}:post:${postId}`);
      return rebuild(storage, () => nowMs);
    case 'load':
      return Promise.all([reader.loadCount(postId), reader.loadList(userId)]);
  }
}
