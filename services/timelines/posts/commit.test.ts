import { afterAll, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { outbox } from '#kit/messaging/tables';
import { testRuntime } from '../../../tests/support/servers';
import { startTimelines } from '../../../tests/support/timelines';
import { posts } from '../schema';
import { createAcceptedPost } from './accept';

const runtime = testRuntime('timelines-commit');
const { call, deps, join, publish, storage } = await startTimelines(runtime);

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const storedIds = async () =>
  new Set((await storage.database.select({ id: posts.id }).from(posts)).map(({ id }) => id));
const messagesOf = async (id: string) =>
  (await storage.database.select().from(outbox))
    .filter((row) => row.aggregateId === id)
    .map(({ name }) => name);

test('posts sent at once are all written, each with its event, its job, its mentions and its hashtags', async () => {
  const authors = await Promise.all([1, 2, 3, 4].map((number) => join(`together_${number}`)));
  const responses = await Promise.all(
    Array.from({ length: 40 }, (_, number) =>
      call('POST', '/posts', { ...authors[number % 4], body: { text: `@together_1 #t${number % 3}` } }),
    ),
  );
  expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([201]));
  const ids = responses.map(({ body }) => String(body.id));
  expect(new Set(ids).size).toBe(40);
  const stored = await storedIds();
  for (const id of ids) {
    expect(stored).toContain(id);
    expect((await messagesOf(id)).toSorted()).toEqual(['post.created', 'post.fan-out']);
  }
  const tagged = await call('GET', '/posts/tag/t1?limit=100');
  expect(tagged.body.items).toHaveLength(13);
});

test('an erased author among those who post at once is refused alone', async () => {
  const [one, other, erased] = [await join('stays_1'), await join('stays_2'), await join('erased')];
  const texts = [one, erased, other, erased, one].map((author) => ({
    ...author,
    body: { text: 'still here' },
  }));
  await publish('user.deleted', { id: erased.id, version: 2 });
  const responses = await Promise.all(texts.map((request) => call('POST', '/posts', request)));
  expect(responses.map(({ status }) => status)).toEqual([201, 404, 201, 404, 201]);
});

test('an accepted post that is created twice at once is written once, and those beside it as well', async () => {
  const author = await join('twice');
  const ids = await Promise.all(Array.from({ length: 5 }, () => deps.nextId()));
  const created = await Promise.all(
    [...ids, ...ids].map((id) => createAcceptedPost(deps, author, id, { text: 'accepted' })),
  );
  expect(created.filter(Boolean)).toHaveLength(5);
  for (const id of ids) expect(await messagesOf(id)).toHaveLength(2);
});

test('a post whose messages cannot be written is not written', async () => {
  const author = await join('without_messages');
  const before = await storedIds();
  await storage.database.execute(sql`
    create trigger no_messages before insert on outbox for each row signal sqlstate '45000'`);
  const request = { ...author, body: { text: 'never' } };
  const responses = await Promise.all([1, 2, 3].map(() => call('POST', '/posts', request)));
  await storage.database.execute(sql`drop trigger no_messages`);
  expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([500]));
  expect(await storedIds()).toEqual(before);
});
