import { afterAll, describe, expect, test } from 'bun:test';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { DependencyUnavailable } from '#kit/errors/problem';
import { openRedis } from '#kit/redis/client';
import { type Answered, callerOf } from '../../tests/support/call';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { likes } from '.';
import { acceptLike } from './notifications';
import { createPostCheck } from './post-check';
import { withdrawLike } from './service';

const runtime = testRuntime('likes-pending');
const tokens = await testTokens();
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
const nextPostId = createIdGenerator(1);
const idsByUsername = new Map<string, string>();

/** The timelines service, which knows and shows every post but these. */
const hiddenPosts = new Set<string>();
const originals = new Map<string, string>();
let isTimelinesUnavailable = false;
const timelines: Parameters<typeof createPostCheck>[1] = {
  async getPosts({ ids }) {
    if (isTimelinesUnavailable) throw new DependencyUnavailable();
    const shown = ids.filter((id) => !hiddenPosts.has(id));
    return {
      posts: shown.map((id) => ({ id, author_id: uuidv7(), excerpt: '', original_id: originals.get(id) })),
    };
  },
};

const storage = { redis, prefix: uniqueName('likes') };
const deps = {
  runtime,
  storage,
  outbox: { wake() {} },
  findPerson: async (username: string) => idsByUsername.get(username) ?? '',
  checkPost: createPostCheck(runtime, timelines),
  digestSeconds: 10,
  now: Date.now,
  tokens: tokens.verifier,
};
const call = callerOf(likes(deps));

afterAll(() => runtime.close());

async function person() {
  const id = uuidv7();
  const username = `person_${idsByUsername.size}`;
  idsByUsername.set(username, id);
  return { id, username, authorization: await tokens.authorization({ id, username }) };
}

const countOf = async (postId: string) => (await call('GET', `/likes/${postId}/count`)).body.count;
const postsIn = ({ body }: Answered) => (body.items as { post_id: string }[]).map((item) => item.post_id);

describe('a pending like', () => {
  const likesOf = async (who: { username: string }) =>
    postsIn(await call('GET', `/users/${who.username}/likes`));
  const seenBy = async (postId: string, viewer?: { authorization: string }) => {
    const { body } = await call('POST', '/likes/counts', { ...viewer, body: { post_ids: [postId] } });
    return (body.items as object[])[0];
  };

  test('of a post that its liker cannot see counts and shows for nobody else, and leaves no trace', async () => {
    const [me, other, postId] = [await person(), await person(), nextPostId()];
    hiddenPosts.add(postId);
    const first = await call('POST', `/likes/${postId}`, me);
    expect([first.status, first.body]).toEqual([201, { post_id: postId, count: 1, liked_by_me: true }]);
    expect((await call('POST', `/likes/${postId}`, me)).status).toBe(200);
    expect(await seenBy(postId, me)).toEqual({ post_id: postId, count: 1, liked_by_me: true });
    expect(await seenBy(postId, other)).toEqual({ post_id: postId, count: 0, liked_by_me: false });
    expect(await countOf(postId)).toBe(0);
    expect(await likesOf(me)).toEqual([]);
    const popular = postsIn(await call('GET', '/likes/popular?limit=100'));
    expect(popular).not.toContain(postId);
    expect(await withdrawLike(deps, postId, me.id)).toBe(true);
    expect(await withdrawLike(deps, postId, me.id)).toBe(false);
    expect(await seenBy(postId, me)).toEqual({ post_id: postId, count: 0, liked_by_me: false });
    expect(await redis.keys(`${storage.prefix}:pending*`)).toEqual([]);
  });

  test('given while timelines is unavailable counts once it is validated, in the place where it was given', async () => {
    const [me, author, older, newer] = [await person(), await person(), nextPostId(), nextPostId()];
    isTimelinesUnavailable = true;
    expect((await call('POST', `/likes/${older}`, me)).status).toBe(201);
    isTimelinesUnavailable = false;
    await call('POST', `/likes/${newer}`, me);
    expect([await countOf(older), await likesOf(me)]).toEqual([0, [newer]]);
    for (let delivery = 0; delivery < 2; delivery++)
      await acceptLike(deps, { postId: older, userId: me.id, authorId: author.id });
    expect([await countOf(older), await likesOf(me)]).toEqual([1, [newer, older]]);
    expect((await call('DELETE', `/likes/${older}`, me)).status).toBe(204);
    expect(await countOf(older)).toBe(0);
  });

  test("of one's own post counts once it is validated", async () => {
    const [me, postId] = [await person(), nextPostId()];
    isTimelinesUnavailable = true;
    await call('POST', `/likes/${postId}`, me);
    isTimelinesUnavailable = false;
    expect(await acceptLike(deps, { postId, userId: me.id, authorId: me.id })).toBe(false);
    expect(await countOf(postId)).toBe(1);
  });
});

describe('a like of a plain repost', () => {
  test('is one of its original, at once and after validation', async () => {
    const [me, other, author] = [await person(), await person(), await person()];
    const [original, repost] = [nextPostId(), nextPostId()];
    originals.set(repost, original);
    const liked = await call('POST', `/likes/${repost}`, me);
    expect([liked.status, liked.body]).toEqual([201, { post_id: original, count: 1, liked_by_me: true }]);
    expect((await call('POST', `/likes/${original}`, me)).status).toBe(200);
    isTimelinesUnavailable = true;
    await call('POST', `/likes/${repost}`, other);
    await call('POST', `/likes/${repost}`, me);
    isTimelinesUnavailable = false;
    for (const { id: userId } of [other, me, other])
      await acceptLike(deps, { postId: original, userId, authorId: author.id, givenTo: repost });
    expect([await countOf(original), await countOf(repost)]).toEqual([2, 0]);
    await call('DELETE', `/likes/${repost}`, me);
    expect(await countOf(original)).toBe(1);
    expect(await redis.keys(`${storage.prefix}:pending*`)).toEqual([]);
  });
});
