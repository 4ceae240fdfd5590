import { afterAll, expect, test } from 'bun:test';
import { createIdGenerator, timeOfId, uuidv7 } from '#kit/core/ids';
import { openRedis } from '#kit/redis/client';
import { exportAll, importAll, recordsIn } from '../../tests/support/portability';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { likesPortability } from './portability';
import { addLike, listLikesOf, readCounts, readPopular } from './store';

const runtime = testRuntime('likes');
afterAll(() => runtime.close());
const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: true });
/** Posts of the day before: no like is older than its post. */
const nextPostId = createIdGenerator(1, () => Date.now() - 86_400_000);

const hidden = new Set<string>();
const timelines = {
  getPosts: async ({ ids }: { ids: string[] }) => ({
    posts: ids.filter((id) => !hidden.has(id)).map((id) => ({ id, original_id: undefined })),
  }),
} as unknown as Parameters<typeof likesPortability>[0]['timelines'];

const start = () => {
  const storage = { redis, prefix: redis.family(uniqueName('likes')) };
  return { storage, service: likesPortability({ storage, timelines }) };
};
const [before, after] = [start(), start()];
const nothing = { id: 'message', text: '{}' };

test('likes and their order are the same after an export and an import; hidden posts are skipped', async () => {
  const userId = uuidv7();
  const nowMs = Date.now();
  const posts = Array.from({ length: 103 }, nextPostId);
  for (const [index, postId] of posts.entries())
    await addLike(before.storage, {
      postId,
      userId,
      nowMs: nowMs - (200 - index) * 60_000,
      isPending: false,
      validation: nothing as never,
    });
  const exported = await exportAll(before.service, userId);
  expect(recordsIn(exported).likes?.map(({ post_id }) => post_id)).toEqual(posts);
  const [unseen = '', ...seen] = posts;
  hidden.add(unseen);
  expect(await importAll(after.service, userId, exported)).toEqual({
    likes: { imported: 102, 'post.not-found': 1 },
  });
  const list = (storage: typeof before.storage) =>
    listLikesOf(storage, { userId, beforeMs: null, limit: 102 });
  expect(await list(after.storage)).toEqual(await list(before.storage));
  expect(await importAll(after.service, userId, exported)).toEqual({
    likes: { exists: 102, 'post.not-found': 1 },
  });
  expect(await readCounts(after.storage, seen.slice(0, 1), userId)).toEqual([
    { postId: seen[0] ?? '', count: 1, likedByViewer: true },
  ]);
  const day = { skip: 0, ranking: 'day', limit: 200, nowMs } as const;
  expect(new Set(await readPopular(after.storage, day))).toEqual(
    new Set((await readPopular(before.storage, day)).filter(({ postId }) => postId !== unseen)),
  );
});

test.each([{ post_id: '01' }, { post_id: '9999999999999999' }, { liked_at: '2999-01-01T00:00:00.000Z' }])(
  'a record that could not have been created is skipped',
  async (change) => {
    const good = { post_id: nextPostId(), liked_at: '2026-01-01T00:00:00.000Z' };
    const exported = { likes: [{ json: JSON.stringify({ ...good, ...change }), file: undefined }] };
    expect(await importAll(after.service, uuidv7(), exported)).toEqual({ likes: { 'record.invalid': 1 } });
  },
);

test('an imported like is not older than its post', async () => {
  const userId = uuidv7();
  const postId = nextPostId();
  const record = { post_id: postId, liked_at: '2015-01-01T00:00:00.000Z' };
  const exported = { likes: [{ json: JSON.stringify(record), file: undefined }] };
  expect(await importAll(after.service, userId, exported)).toEqual({ likes: { imported: 1 } });
  expect(await listLikesOf(after.storage, { userId, beforeMs: null, limit: 1 })).toEqual([
    { postId, likedAtMs: timeOfId(postId).getTime() },
  ]);
});
