import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { DependencyUnavailable } from '#kit/errors/problem';
import { openRedis } from '#kit/redis/client';
import { type Answered, callerOf } from '../../tests/support/call';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { likes } from '.';
import { createPostCheck } from './post-check';
import { createVisiblePostLookup } from './visible-posts';

const runtime = testRuntime('likes-visibility');
const tokens = await testTokens();
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
const nextPostId = createIdGenerator(1);
const idsByUsername = new Map<string, string>();

/** The timelines service: who may see a restricted post; everybody may see all others. */
const viewers = new Map<string, Set<string>>();
let isUnavailable = false;
const timelines: Parameters<typeof createPostCheck>[1] = {
  async getPosts({ ids, viewer_id = 'nobody' }) {
    if (isUnavailable) throw new DependencyUnavailable();
    const shown = ids.filter((id) => viewers.get(id)?.has(viewer_id) ?? true);
    return { posts: shown.map((id) => ({ id, author_id: uuidv7(), excerpt: '' })) };
  },
};

const call = callerOf(
  likes({
    runtime,
    storage: { redis, prefix: redis.family(uniqueName('likes')) },
    outbox: { wake() {} },
    findPerson: async (username) => idsByUsername.get(username) ?? '',
    checkPost: createPostCheck(runtime, timelines),
    findVisiblePosts: createVisiblePostLookup(runtime, timelines),
    digestSeconds: 10,
    now: Date.now,
    tokens: tokens.verifier,
  }),
);
beforeEach(() => {
  isUnavailable = false;
});
afterAll(() => runtime.close());

async function person() {
  const id = uuidv7();
  const username = `viewer_${idsByUsername.size}`;
  idsByUsername.set(username, id);
  return { id, username, authorization: await tokens.authorization({ id, username }) };
}
type Viewer = Awaited<ReturnType<typeof person>>;

const postsIn = ({ body }: Answered) => (body.items as { post_id: string }[]).map((item) => item.post_id);

/** A followers-only post, liked by a follower and by somebody who has unfollowed since. */
async function restricted() {
  const [postId, follower, former, stranger] = [nextPostId(), await person(), await person(), await person()];
  viewers.set(postId, new Set([follower.id, former.id]));
  for (const liker of [follower, former]) await call('POST', `/likes/${postId}`, liker);
  viewers.set(postId, new Set([follower.id]));
  return { postId, follower, former, stranger };
}

describe('likes of a post that the viewer may not see', () => {
  const countsOf = async (postId: string, viewer?: Viewer) => [
    (await call('GET', `/likes/${postId}/count`, viewer)).body.count,
    ...(
      (await call('POST', '/likes/counts', { ...viewer, body: { post_ids: [postId] } })).body.items as {
        count: number;
      }[]
    ).map(({ count }) => count),
  ];

  test('are not counted for them, whoever asks and by which route', async () => {
    const { postId, follower, former, stranger } = await restricted();
    expect(await countsOf(postId, follower)).toEqual([2, 2]);
    for (const viewer of [undefined, stranger]) expect(await countsOf(postId, viewer)).toEqual([0, 0]);
    // Their own is no secret.
    expect(await countsOf(postId, former)).toEqual([1, 1]);
  });

  test('are like those of a post that does not exist, also when they like it themselves', async () => {
    const { postId, former, stranger } = await restricted();
    const missing = nextPostId();
    viewers.set(missing, new Set());
    for (const [method, path] of [
      ['GET', '/count'],
      ['POST', ''],
      ['POST', ''],
      ['GET', '/count'],
      ['DELETE', ''],
      ['GET', '/count'],
    ] as const) {
      const [hidden, unknown] = await Promise.all(
        [postId, missing].map(async (id) => {
          const { status, body } = await call(method, `/likes/${id}${path}`, stranger);
          return JSON.stringify([status, body]).replaceAll(id, 'a post');
        }),
      );
      expect(hidden).toEqual(unknown as string);
    }
    expect((await call('POST', `/likes/${postId}`, former)).body.count).toBe(1);
  });

  test('are in no list', async () => {
    const { postId, follower, former, stranger } = await restricted();
    const open = nextPostId();
    await call('POST', `/likes/${open}`, former);
    const listed = async (viewer?: Viewer) =>
      postsIn(await call('GET', `/users/${former.username}/likes`, viewer));
    for (const viewer of [undefined, follower, stranger, former])
      expect(await listed(viewer)).toEqual([open]);
    const popular = postsIn(await call('GET', '/likes/popular?limit=100'));
    expect(popular).toContain(open);
    expect(popular).not.toContain(postId);
  });

  test('neither shorten a list of popular posts nor hide what is behind them', async () => {
    const { follower, stranger } = await restricted();
    const [one, two] = [nextPostId(), nextPostId()];
    for (const postId of [one, two]) await call('POST', `/likes/${postId}`, stranger);
    const hidden = await Promise.all(Array.from({ length: 4 }, restricted));
    const first = await call('GET', '/likes/popular?limit=2');
    expect(postsIn(first)).toHaveLength(2);
    for (const { postId } of hidden) expect(postsIn(first)).not.toContain(postId);

    const mine = [nextPostId(), nextPostId()];
    for (const postId of mine) await call('POST', `/likes/${postId}`, follower);
    for (let count = 0; count < 6; count++) {
      const postId = nextPostId();
      viewers.set(postId, new Set([follower.id]));
      await call('POST', `/likes/${postId}`, follower);
    }
    const pages: string[] = [];
    let cursor = '';
    do {
      const page = await call('GET', `/users/${follower.username}/likes?limit=1${cursor}`);
      pages.push(...postsIn(page));
      cursor = page.body.next_cursor === null ? '' : `&cursor=${page.body.next_cursor}`;
    } while (cursor !== '');
    expect(pages).toEqual(mine.toReversed());
  });

  test('are not shown while timelines is unavailable; those of posts known to be public are', async () => {
    const { postId, follower } = await restricted();
    const open = nextPostId();
    await call('POST', `/likes/${open}`, follower);
    await call('GET', `/likes/${open}/count`);
    isUnavailable = true;
    for (const path of [`/likes/${postId}/count`, `/users/${follower.username}/likes`]) {
      const { status, headers } = await call('GET', path, follower);
      expect([path, status, headers.get('retry-after')]).toEqual([path, 503, '1']);
    }
    for (const viewer of [undefined, follower])
      expect((await call('GET', `/likes/${open}/count`, viewer)).body.count).toBe(1);
  });
});
