import { afterAll, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import { testRuntime } from '../../../../tests/support/servers';
import { startTimelines } from '../../../../tests/support/timelines';
import { posts } from '../../schema';
import { recount } from './recount';

const runtime = testRuntime('timelines-recount');
const { call, deps, join, post, storage } = await startTimelines(runtime);

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const read = async (id: string, reader?: { authorization: string }) => call('GET', `/posts/id/${id}`, reader);

test('the recount repairs drifted counts only', async () => {
  const author = await join('drifted');
  const [root, other] = [await post(author), await post(author)];
  await post(author, { text: 'x', reply_to: root });
  await storage.database
    .update(posts)
    .set({ repliesCount: sql`${posts.repliesCount} + 5`, repostsCount: 3 })
    .where(eq(posts.id, root));
  expect(await recount(deps)).toBe(1);
  expect((await read(root)).body).toMatchObject({ replies_count: 1, reposts_count: 0 });
  expect((await read(other)).body).toMatchObject({ replies_count: 0 });
  expect(await recount(deps)).toBe(0);
});
