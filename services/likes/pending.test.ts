import { afterAll, describe, expect, test } from 'bun:test';
import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { DependencyUnavailable } from '#kit/errors/problem';
import { startGrpcServer } from '#kit/grpc/server';
import { openRedis } from '#kit/redis/client';
import { type Answered, callerOf } from '../../tests/support/call';
import { permittedClient } from '../../tests/support/permitted-client';
import { keysOf } from '../../tests/support/redis';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { likes } from '.';
import { likesGrpc } from './grpc';
import { acceptLike } from './notifications';
import { createPostCheck } from './post-check';
import { withdrawLike } from './service';
import { createVisiblePostLookup } from './visible-posts';

const runtime = testRuntime('likes-pending');
const tokens = await testTokens();
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
const nextPostId = createIdGenerator(1);
const idsByUsername = new Map<string, string>();

/** The timelines service, which knows and shows every post but these. */
const hiddenPosts = new Set<string>();
const originals = new Map<string, string>();
let isTimelinesUnavailable = false;
let lookups = 0;
const timelines: Parameters<typeof createPostCheck>[1] = {
  async getPosts({ ids }) {
    lookups++;
    if (isTimelinesUnavailable) throw new DependencyUnavailable();
    const shown = ids.filter((id) => !hiddenPosts.has(id));
    return {
      posts: shown.map((id) => ({ id, author_id: uuidv7(), excerpt: '', original_id: originals.get(id) })),
    };
  },
};

const storage = { redis, prefix: redis.family(uniqueName('likes')) };
const deps = {
  runtime,
  storage,
  outbox: { wake() {} },
  findPerson: async (username: string) => idsByUsername.get(username) ?? '',
  checkPost: createPostCheck(runtime, timelines),
  findVisiblePosts: createVisiblePostLookup(runtime, timelines),
  digestSeconds: 10,
  now: Date.now,
  tokens: tokens.verifier,
};
const call = callerOf(likes(deps));
const { port } = await startGrpcServer(runtime, {
  host: '127.0.0.1',
  port: 0,
  services: [likesGrpc(deps)],
  audience: 'likes',
});
const client = permittedClient(runtime, {
  service: 'likes',
  definition: LikesServiceDefinition,
  registry: {
    instances: () => [{ host: '127.0.0.1', grpc_port: port, state: 'up' as const }],
    onChange: () => () => undefined,
  },
});

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
    expect(await keysOf(redis, `${storage.prefix}:pending*`)).toEqual([]);
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
    expect([await countOf(original), await countOf(repost)]).toEqual([2, 2]);
    await call('DELETE', `/likes/${repost}`, me);
    expect(await countOf(original)).toBe(1);
    expect(await keysOf(redis, `${storage.prefix}:pending*`)).toEqual([]);
  });

  const readBy = async (postIds: string[], viewer?: { id: string; authorization: string }) => {
    const { body } = await call('POST', '/likes/counts', { ...viewer, body: { post_ids: postIds } });
    const { counts } = await client.getCounts({ post_ids: postIds, viewer_id: viewer?.id });
    const items = body.items as { post_id: string; count: number; liked_by_me?: boolean }[];
    expect(counts).toEqual(
      items.map(({ liked_by_me = false, ...likes }) => ({ ...likes, liked_by_viewer: liked_by_me })),
    );
    return items.map(({ count, liked_by_me }) => [count, liked_by_me]);
  };

  test('is read by the id of either post, over HTTP and gRPC, in batches and alone', async () => {
    const [me, other] = [await person(), await person()];
    const [original, repost, unliked] = [nextPostId(), nextPostId(), nextPostId()];
    originals.set(repost, original);
    await call('POST', `/likes/${original}`, me);
    const mixed = [unliked, repost, original, repost];
    expect(await readBy(mixed, me)).toEqual([[0, false], ...Array(3).fill([1, true])]);
    expect(await readBy(mixed, other)).toEqual([[0, false], ...Array(3).fill([1, false])]);
    expect(await readBy([repost])).toEqual([[1, undefined]]);
    expect((await call('GET', `/likes/${repost}/count`, me)).body).toEqual({
      post_id: repost,
      count: 1,
      liked_by_me: true,
    });
    await call('DELETE', `/likes/${repost}`, me);
    expect(await readBy([original, repost], me)).toEqual(Array(2).fill([0, false]));
  });

  test('that is pending is read once by the id of either post', async () => {
    const [me, other] = [await person(), await person()];
    const [original, repost] = [nextPostId(), nextPostId()];
    originals.set(repost, original);
    await call('POST', `/likes/${original}`, other);
    isTimelinesUnavailable = true;
    await call('POST', `/likes/${repost}`, me);
    isTimelinesUnavailable = false;
    expect(await readBy([repost], me)).toEqual([[2, true]]);
    expect(await readBy([repost], other)).toEqual([[1, true]]);
    await call('POST', `/likes/${original}`, me);
    expect(await readBy([repost, original], me)).toEqual(Array(2).fill([2, true]));
  });

  test('is not said to be removed while it is not known whose it is', async () => {
    const me = await person();
    const [original, repost] = [nextPostId(), nextPostId()];
    originals.set(repost, original);
    await call('POST', `/likes/${original}`, me);
    isTimelinesUnavailable = true;
    const refused = await call('DELETE', `/likes/${repost}`, me);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    isTimelinesUnavailable = false;
    expect((await call('DELETE', `/likes/${repost}`, me)).status).toBe(204);
    expect(await countOf(original)).toBe(0);
    // Known by now, and its own like needs nobody else.
    await call('POST', `/likes/${original}`, me);
    isTimelinesUnavailable = true;
    expect((await call('DELETE', `/likes/${original}`, me)).status).toBe(204);
    isTimelinesUnavailable = false;
    expect(await countOf(original)).toBe(0);
  });

  test('is not shown to those who cannot see the repost, and asks timelines once', async () => {
    const me = await person();
    const [original, repost] = [nextPostId(), nextPostId()];
    originals.set(repost, original);
    hiddenPosts.add(repost);
    await call('POST', `/likes/${original}`, me);
    expect(await countOf(repost)).toBe(0);
    hiddenPosts.delete(repost);
    expect(await countOf(repost)).toBe(1);
    const before = lookups;
    expect(await countOf(repost)).toBe(1);
    await client.getCounts({ post_ids: [nextPostId()], originals_only: true });
    expect(lookups).toBe(before);
  });
});
