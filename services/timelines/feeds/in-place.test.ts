import { afterAll, expect, test } from 'bun:test';
import { drizzle } from 'drizzle-orm/mysql2';
import { PostCreate, PostFanOut } from '#contracts/jobs/posts';
import { envelope, parseEnvelope } from '#contracts/messages';
import { createMysqlPool } from '#kit/mysql/database';
import { testRuntime } from '../../../tests/support/servers';
import { startTimelines } from '../../../tests/support/timelines';
import { buildFeed } from './build';
import { deliverInPlace } from './in-place';
import { readFeed } from './store';

const runtime = testRuntime('timelines-in-place');
const { deps, join, post, relate, storage } = await startTimelines(runtime);
afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const OPTIONS = { id: 'a-job', priority: 1024, delaySeconds: 0, ttrSeconds: 60 };
const FOLLOWERS_IN_PLACE = 2;

function setUp(parts: Partial<typeof deps> = {}) {
  const put: { tube: string; bytes: Buffer }[] = [];
  const beanstalkd = {
    connected: true,
    async put(tube: string, bytes: Buffer) {
      put.push({ tube, bytes });
      return '1';
    },
  };
  return { put, sender: deliverInPlace({ ...deps, ...parts }, beanstalkd, FOLLOWERS_IN_PLACE) };
}

async function authorWithReaders(name: string, count: number) {
  const author = await join(name);
  const readers = await Promise.all(Array.from({ length: count }, (_, index) => join(`${name}_${index}`)));
  for (const reader of readers) {
    await relate('followed', reader, author);
    await buildFeed(deps, reader.id);
  }
  return { author, readers };
}

const jobBytes = (
  postId: string,
  authorId: string,
  more: { after_follower?: string; imported?: true } = {},
) =>
  Buffer.from(
    JSON.stringify(
      envelope(
        PostFanOut,
        { post_id: postId, author_id: authorId, after_follower: null, ...more },
        { requestId: 'a-request', actor: authorId },
      ),
    ),
  );
const feedOf = async ({ id }: { id: string }) =>
  (await readFeed(deps.redis, id, { after: null, limit: 5 }))?.ids;

test('a new post reaches a few followers without a job', async () => {
  const { author, readers } = await authorWithReaders('few', 1);
  const { put, sender } = setUp();
  const ids = [await post(author), await post(author)];
  await Promise.all(ids.map((id) => sender.put(PostFanOut.tube, jobBytes(id, author.id), OPTIONS)));
  for (const reader of readers) expect(await feedOf(reader)).toEqual(ids.toReversed());
  expect(put).toEqual([]);
});

test('a job for the worker continues after the first followers', async () => {
  const { author, readers } = await authorWithReaders('many', 3);
  const { put, sender } = setUp();
  const id = await post(author);
  await sender.put(PostFanOut.tube, jobBytes(id, author.id), OPTIONS);
  const [, second, third] = readers.map((reader) => reader.id).sort();
  const [job] = put.map(({ bytes }) => parseEnvelope([PostFanOut], bytes).data);
  expect(put).toHaveLength(1);
  expect(job).toEqual({ post_id: id, author_id: author.id, after_follower: second ?? null });
  for (const reader of readers) expect(await feedOf(reader)).toEqual(reader.id === third ? [] : [id]);
});

test('a job whose delivery fails goes to beanstalkd as it is', async () => {
  const { author, readers } = await authorWithReaders('later', 1);
  const closed = createMysqlPool(storage.address, 1);
  await closed.end();
  const { put, sender } = setUp({ database: drizzle(closed) });
  const bytes = jobBytes(await post(author), author.id);
  await sender.put(PostFanOut.tube, bytes, OPTIONS);
  expect(put).toEqual([{ tube: PostFanOut.tube, bytes }]);
  for (const reader of readers) expect(await feedOf(reader)).toEqual([]);
});

test('other jobs, those of later followers, of archives and of another version pass', async () => {
  const { author } = await authorWithReaders('passing', 1);
  const { put, sender } = setUp();
  const id = await post(author);
  const passing = [
    { tube: PostFanOut.tube, bytes: jobBytes(id, author.id, { after_follower: author.id }) },
    { tube: PostFanOut.tube, bytes: jobBytes(id, author.id, { imported: true }) },
    { tube: PostFanOut.tube, bytes: Buffer.from('{"name":"post.fan-out","version":2}') },
    { tube: PostCreate.tube, bytes: jobBytes(id, author.id) },
  ];
  for (const { tube, bytes } of passing) await sender.put(tube, bytes, OPTIONS);
  expect(put).toEqual(passing);
});
