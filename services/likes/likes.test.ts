import { afterAll, describe, expect, test } from 'bun:test';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { DependencyUnavailable, defineProblem } from '#kit/errors/problem';
import { routeClaims } from '#kit/http/route-claims';
import { openRedis } from '#kit/redis/client';
import { type Answered, callerOf } from '../../tests/support/call';
import { keysOf } from '../../tests/support/redis';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { likes } from '.';
import { createPersonLookup } from './people';
import { claimMessages } from './redis-outbox-store';
import { withdrawLike } from './service';
import { erasePerson, erasePost } from './store';

const HOUR_MS = 60 * 60_000;
const UserNotFound = defineProblem('user.not-found', 404, 'User not found');

const runtime = testRuntime('likes');
const tokens = await testTokens();
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
const nextPostId = createIdGenerator(1);

/** The users service. */
const idsByUsername = new Map<string, string>();
let isUsersUnavailable = false;
let lookups = 0;
const users: Parameters<typeof createPersonLookup>[0] = {
  async getUserByUsername({ username }) {
    lookups++;
    if (isUsersUnavailable) throw new DependencyUnavailable({ headers: { 'retry-after': '1' } });
    const id = idsByUsername.get(username);
    if (id === undefined) throw new UserNotFound();
    return { user: { id, username, display_name: username, version: 1 } };
  },
};

let clockMs = Date.now();
const now = () => clockMs;

const runtimes = [runtime];

/** A service with storage of its own. */
function makeService(storage = { redis, prefix: redis.family(uniqueName('likes')) }) {
  const runtime = testRuntime('likes');
  runtimes.push(runtime);
  const findPerson = createPersonLookup(users, now);
  const outbox = { wake() {} };
  const deps = {
    runtime,
    storage,
    outbox,
    findPerson,
    checkPost: async (postId: string) => postId,
    findVisiblePosts: async (ids: readonly string[]) => new Map(ids.map((id) => [id, id])),
    digestSeconds: 10,
    now,
    tokens: tokens.verifier,
  };
  const app = likes(deps);
  return { deps, storage, app, call: callerOf(app) };
}

const { storage, app, call } = makeService();

let people = 0;
async function person() {
  const [id, username] = [uuidv7(), `person_${++people}`];
  idsByUsername.set(username, id);
  return { id, username, authorization: await tokens.authorization({ id, username }) };
}

const countOf = async (postId: string) => (await call('GET', `/likes/${postId}/count`)).body.count;
const postsIn = ({ body }: Answered) => (body.items as { post_id: string }[]).map((item) => item.post_id);
const sentTo = async (broker: 'beanstalkd' | 'rabbitmq') =>
  (await claimMessages(storage, { broker, limit: 10_000, leaseMs: 0 })).map(
    ([, text]) => JSON.parse(text).envelope,
  );

afterAll(() => Promise.all(runtimes.map((runtime) => runtime.close())));

describe('a like', () => {
  test('is created once, counted once, and can be removed', async () => {
    const [me, postId] = [await person(), nextPostId()];
    const first = await call('POST', `/likes/${postId}`, me);
    expect(first.status).toBe(201);
    expect(first.headers.get('location')).toBe(`/likes/${postId}/count`);
    expect(first.body).toEqual({ post_id: postId, count: 1, liked_by_me: true });
    const again = await call('POST', `/likes/${postId}`, me);
    expect([again.status, again.body.count]).toEqual([200, 1]);
    expect((await call('DELETE', `/likes/${postId}`, me)).status).toBe(204);
    expect((await call('DELETE', `/likes/${postId}`, me)).status).toBe(204);
    expect(await countOf(postId)).toBe(0);
  });

  test('has liked_by_me for authenticated callers only', async () => {
    const [me, other, postId] = [await person(), await person(), nextPostId()];
    await call('POST', `/likes/${postId}`, me);
    const path = `/likes/${postId}/count`;
    expect((await call('GET', path, me)).body).toEqual({ post_id: postId, count: 1, liked_by_me: true });
    expect((await call('GET', path, other)).body.liked_by_me).toBe(false);
    expect((await call('GET', path)).body).toEqual({ post_id: postId, count: 1 });
  });

  test('of each of 250 people counts once, though each sends it twice concurrently', async () => {
    const postId = nextPostId();
    const everybody = await Promise.all(Array.from({ length: 250 }, person));
    const responses = await Promise.all(
      [...everybody, ...everybody].map((one) => call('POST', `/likes/${postId}`, one)),
    );
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(250);
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(250);
    expect(await countOf(postId)).toBe(250);
    const jobs = (await sentTo('beanstalkd')).filter(({ data }) => data.post_id === postId);
    expect(new Set(jobs.map(({ data }) => data.user_id)).size).toBe(250);
    expect(jobs).toHaveLength(250);
  });

  test.each([
    '0',
    '-1',
    '1.5',
    '01',
    'abc',
    '99999999999999999',
    '9999999999999999',
    '%00',
    '1%0a',
    uuidv7(),
  ])('of the id %s is rejected', async (postId) => {
    const me = await person();
    for (const [method, path] of [
      ['POST', `/likes/${postId}`],
      ['DELETE', `/likes/${postId}`],
      ['GET', `/likes/${postId}/count`],
    ] as const) {
      const { status, body } = await call(method, path, me);
      expect([method, status, body.code]).toEqual([method, 422, 'request.invalid']);
      expect(body.errors).toContainEqual(expect.objectContaining({ field: 'post_id' }));
    }
  });
});

describe('counts of posts', () => {
  test('are in the order of the request, with unknown and repeated posts', async () => {
    const [me, liked, unknown] = [await person(), nextPostId(), nextPostId()];
    await call('POST', `/likes/${liked}`, me);
    const body = { post_ids: [unknown, liked, unknown] };
    expect((await call('POST', '/likes/counts', { ...me, body })).body.items).toEqual([
      { post_id: unknown, count: 0, liked_by_me: false },
      { post_id: liked, count: 1, liked_by_me: true },
      { post_id: unknown, count: 0, liked_by_me: false },
    ]);
    expect((await call('POST', '/likes/counts', { body: { post_ids: [] } })).body.items).toEqual([]);
  });

  test.each([
    ['101 posts', { post_ids: Array.from({ length: 101 }, nextPostId) }],
    ['no list', {}],
    ['a word', { post_ids: 'all' }],
    ['a number', { post_ids: [5] }],
    ['an invalid id', { post_ids: ['1', 'x'] }],
    ['an id beyond the safe integers', { post_ids: ['9999999999999999'] }],
  ])('are rejected for %s', async (_what, body) => {
    expect((await call('POST', '/likes/counts', { body })).status).toBe(422);
  });
});

describe('the likes of a user', () => {
  test('are listed newest first, without gaps or duplicates between pages, also within one millisecond', async () => {
    const me = await person();
    const posts = Array.from({ length: 7 }, nextPostId);
    for (const postId of posts) await call('POST', `/likes/${postId}`, me);
    const path = `/users/${me.username.toUpperCase()}/likes`;
    const first = await call('GET', `${path}?limit=3`);
    expect(postsIn(first)).toEqual(posts.slice(4).reverse());
    expect(first.headers.get('link')).toContain('rel="next"');
    await call('POST', `/likes/${nextPostId()}`, me);
    const second = await call('GET', `${path}?limit=100&cursor=${first.body.next_cursor}`);
    expect(postsIn(second)).toEqual(posts.slice(0, 4).reverse());
    expect(second.body.next_cursor).toBeNull();
  });

  test('are 404 for an unknown username, and 503 for an uncached one while users is unavailable', async () => {
    const [known, uncached] = [await person(), await person()];
    expect((await call('GET', '/users/no_such_person/likes')).body.code).toBe('user.not-found');
    await call('GET', `/users/${known.username}/likes`);
    const before = lookups;
    isUsersUnavailable = true;
    expect((await call('GET', `/users/${known.username}/likes`)).status).toBe(200);
    expect(lookups).toBe(before);
    const { status, headers } = await call('GET', `/users/${uncached.username}/likes`);
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    isUsersUnavailable = false;
    expect((await call('GET', `/users/${uncached.username}/likes`)).status).toBe(200);
  });

  test.each([
    '?limit=0',
    '?limit=101',
    '?limit=many',
    '?cursor=rubbish',
    `?cursor=${Buffer.from('["+inf"]').toString('base64url')}`,
    `?cursor=${Buffer.from('[1]').toString('base64url')}`,
  ])('reject %s', async (query) => {
    const { username } = await person();
    expect((await call('GET', `/users/${username}/likes${query}`)).status).toBe(
      query.includes('cursor') ? 400 : 422,
    );
  });
});

describe('popular posts', () => {
  test('are listed by likes, and leave their window', async () => {
    const { call } = makeService();
    const [old, recent] = [nextPostId(), nextPostId()];
    const [one, two, three] = [await person(), await person(), await person()];
    for (const liker of [one, two, three]) await call('POST', `/likes/${old}`, liker);
    const popular = (window: string) => call('GET', `/likes/popular?window=${window}`);
    expect(postsIn(await popular('day'))).toEqual([old]);
    clockMs += 20 * HOUR_MS;
    await call('POST', `/likes/${recent}`, one);
    expect(postsIn(await popular('all'))).toEqual([old, recent]);
    // One recent like outweighs three that leave the window in four hours.
    expect(postsIn(await popular('day'))).toEqual([recent, old]);
    expect(postsIn(await popular('week'))).toEqual([old, recent]);
    clockMs += 4 * HOUR_MS;
    expect(postsIn(await popular('day'))).toEqual([recent]);
    clockMs += 7 * 24 * HOUR_MS;
    for (const window of ['day', 'week']) expect(postsIn(await popular(window))).toEqual([]);
    expect((await call('GET', '/likes/popular')).body.items).toEqual([
      { post_id: old, count: 3 },
      { post_id: recent, count: 1 },
    ]);
    expect(postsIn(await call('GET', '/likes/popular?limit=1'))).toEqual([old]);
  });

  test.each(['?window=month', '?window=', '?limit=0', '?limit=101', '?limit=x'])(
    'are rejected for %s',
    async (query) => {
      expect((await call('GET', `/likes/popular${query}`)).status).toBe(422);
    },
  );
});

describe('removal', () => {
  test('withdrawing a like removes it everywhere, and publishes like.withdrawn once', async () => {
    const { deps, storage, call } = makeService();
    const [me, postId] = [await person(), nextPostId()];
    await call('POST', `/likes/${postId}`, me);
    const withdrawals = await Promise.all([1, 2, 3].map(() => withdrawLike(deps, postId, me.id)));
    expect(withdrawals.filter(Boolean)).toHaveLength(1);
    expect((await call('GET', `/likes/${postId}/count`, me)).body).toMatchObject({
      count: 0,
      liked_by_me: false,
    });
    expect(postsIn(await call('GET', `/users/${me.username}/likes`))).toEqual([]);
    for (const window of ['all', 'day', 'week'])
      expect(postsIn(await call('GET', `/likes/popular?window=${window}`))).toEqual([]);
    const published = await claimMessages(storage, { broker: 'rabbitmq', limit: 10, leaseMs: 0 });
    expect(published).toHaveLength(1);
    expect(JSON.parse(published[0]?.[1] ?? '').envelope).toMatchObject({
      name: 'like.withdrawn',
      data: { post_id: postId, user_id: me.id },
    });
  });

  test('erasing a person or a post removes all of their likes', async () => {
    const [leaver, stayer] = [await person(), await person()];
    const posts = Array.from({ length: 250 }, nextPostId);
    await Promise.all(posts.map((postId) => call('POST', `/likes/${postId}`, leaver)));
    const [shared = '', deleted = ''] = posts;
    await call('POST', `/likes/${shared}`, stayer);
    await call('POST', `/likes/${deleted}`, stayer);
    await erasePost(storage, deleted, now());
    await erasePerson(storage, leaver.id, now());
    await erasePerson(storage, leaver.id, now());
    expect(await countOf(shared)).toBe(1);
    expect(await countOf(deleted)).toBe(0);
    expect(postsIn(await call('GET', `/users/${stayer.username}/likes`))).toEqual([shared]);
    const counts = await call('POST', '/likes/counts', { body: { post_ids: posts.slice(150) } });
    expect((counts.body.items as { count: number }[]).every(({ count }) => count === 0)).toBe(true);
    expect(await keysOf(redis, `${storage.prefix}:*${leaver.id}*`)).toEqual([]);
  });
});

test('every route responds with 503 at once while Redis is unavailable', async () => {
  const unreachable = await openRedis(runtime, { url: 'redis://127.0.0.1:1', required: true });
  const { call } = makeService({ redis: unreachable, prefix: 'likes' });
  const me = await person();
  const postId = nextPostId();
  for (const [method, path] of [
    ['POST', `/likes/${postId}`],
    ['DELETE', `/likes/${postId}`],
    ['GET', `/likes/${postId}/count`],
    ['GET', '/likes/popular'],
    ['GET', `/users/${me.username}/likes`],
  ] as const) {
    const { status, body, headers } = await call(method, path, me);
    expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'dependency.unavailable', '1']);
  }
});

test('routes for authenticated callers reject anonymous ones', async () => {
  for (const { method, path, auth } of routeClaims(app))
    if (auth === 'user')
      expect((await call(method, path.replaceAll(/:\w+/g, 'anything'), { body: {} })).status).toBe(401);
});
