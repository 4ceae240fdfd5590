import { afterAll, describe, expect, test } from 'bun:test';
import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { startGrpcServer } from '#kit/grpc/server';
import { openRedis } from '#kit/redis/client';
import { permittedClient } from '../../tests/support/permitted-client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { likesGrpc } from './grpc';
import * as store from './store';

const runtime = testRuntime('likes');
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
const storage = { redis, prefix: redis.family(uniqueName('likes')) };
const nextPostId = createIdGenerator(1);
const validation = { id: 'a-message', text: '{}' };
const NOW_MS = Date.UTC(2026, 5, 1);

const refuse = async () => {
  throw new Error('Not called for posts of which none is a repost');
};
const { port } = await startGrpcServer(runtime, {
  host: '127.0.0.1',
  port: 0,
  audience: 'likes',
  services: [
    likesGrpc({
      runtime,
      storage,
      outbox: { wake() {} },
      tokens: (await testTokens()).verifier,
      findPerson: refuse,
      checkPost: refuse,
      findVisiblePosts: refuse,
      digestSeconds: 10,
      now: () => NOW_MS,
    }),
  ],
});
const instance = { host: '127.0.0.1', port, grpc_port: port, state: 'up' as const };
const client = permittedClient(runtime, {
  service: 'likes',
  definition: LikesServiceDefinition,
  registry: { instances: () => [instance], onChange: () => () => undefined },
});

afterAll(() => runtime.close());

const like = (postId: string, userId: string, isPending = false, nowMs = NOW_MS) =>
  store.addLike(storage, { postId, userId, nowMs, isPending, validation });

describe('GetCounts of originals', () => {
  test('counts up to 500 posts, without a viewer or with their pending likes', async () => {
    const posts = Array.from({ length: 500 }, nextPostId);
    const [first = '', second = ''] = posts;
    const [me, other] = [uuidv7(), uuidv7()];
    await like(first, me);
    await like(first, other);
    await like(second, me, true);
    const countsOf = async (viewer_id?: string) => {
      const request = { post_ids: posts, viewer_id, originals_only: true };
      const { counts } = await client.getCounts(request);
      expect(counts.map(({ post_id }) => post_id)).toEqual(posts);
      return counts.slice(0, 3).map(({ count, liked_by_viewer }) => [count, liked_by_viewer]);
    };
    expect(await countsOf()).toEqual([
      [2, false],
      [0, false],
      [0, false],
    ]);
    expect(await countsOf(me)).toEqual([
      [2, true],
      [1, true],
      [0, false],
    ]);
    expect(await countsOf(other)).toEqual([
      [2, true],
      [0, false],
      [0, false],
    ]);
    expect(await client.getCounts({ post_ids: [], originals_only: true })).toEqual({ counts: [] });
  });

  test('rejects more posts, and ids of none', async () => {
    for (const post_ids of [Array.from({ length: 501 }, nextPostId), ['01'], ['9'.repeat(16)]])
      await expect(client.getCounts({ post_ids, originals_only: true })).rejects.toMatchObject({
        status: 422,
      });
  });
});

describe('ListLikedPosts', () => {
  test('lists the posts each person likes, pending ones included, in the order of the request', async () => {
    const people = Array.from({ length: 100 }, () => uuidv7());
    const [first = '', , third = ''] = people;
    const [one, other] = [nextPostId(), nextPostId()];
    await like(one, first);
    await like(other, first, true);
    await like(other, third);
    const { people: lists } = await client.listLikedPosts({ user_ids: people });
    expect(lists.map(({ user_id }) => user_id)).toEqual(people);
    expect(lists.map(({ complete_since_ms }) => complete_since_ms)).toEqual(people.map(() => '0'));
    expect(lists.slice(0, 4).map(({ post_ids, pending_post_ids }) => [post_ids, pending_post_ids])).toEqual([
      [[one], [other]],
      [[], []],
      [[other], []],
      [[], []],
    ]);
  });

  test('of more than 1000 likes lists the newest, and says since when these are all', async () => {
    const userId = uuidv7();
    const posts = Array.from({ length: 1_001 }, nextPostId);
    const isPending = (index: number) => index % 3 === 0;
    const likedAtMs = (index: number) => NOW_MS + index * 1_000;
    await Promise.all(
      posts.slice(0, 1_000).map((post, index) => like(post, userId, isPending(index), likedAtMs(index))),
    );
    const all = await store.listLikedPosts(storage, [userId], 1_000);
    expect(all).toMatchObject([{ completeSinceMs: 0 }]);
    expect(new Set(all[0]?.postIds)).toEqual(
      new Set(posts.slice(0, 1_000).filter((_, index) => !isPending(index))),
    );
    await like(posts[1_000] ?? '', userId, false, likedAtMs(1_000));
    const { people } = await client.listLikedPosts({ user_ids: [userId] });
    const [list] = people;
    const [settled, pending] = [new Set(list?.post_ids), new Set(list?.pending_post_ids)];
    expect(new Set([...settled, ...pending])).toEqual(new Set(posts.slice(1)));
    expect(pending).toEqual(
      new Set(posts.filter((_, index) => index > 0 && index < 1_000 && isPending(index))),
    );
    // A minute more, for clocks that differ.
    expect(Number(list?.complete_since_ms)).toBe(likedAtMs(1) + 1 + 60_000);
  });

  test('rejects more people, and ids of none', async () => {
    for (const user_ids of [Array.from({ length: 101 }, () => uuidv7()), ['somebody']])
      await expect(client.listLikedPosts({ user_ids })).rejects.toMatchObject({ status: 422 });
  });
});
