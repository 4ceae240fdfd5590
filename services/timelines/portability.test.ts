import { afterAll, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import { outbox } from '#kit/messaging/tables';
import { exportAll, importAll, recordsIn } from '../../tests/support/portability';
import { testRuntime } from '../../tests/support/servers';
import { idsOf, startTimelines } from '../../tests/support/timelines';
import { timelinesPortability } from './portability';
import { posts } from './schema';

const file = uuidv7();
const poll = uuidv7();
let owner = '';
/** The services of files and polls, which know one each. */
const parts = {
  media: {
    getFiles: async ({ ids }: { ids: string[] }) => ({
      files: ids.includes(file)
        ? [{ id: file, owner_id: owner, type: 'image/png', status: 'ready', visibility: 'public', url: '/x' }]
        : [],
    }),
    publishFiles: async () => ({ files: [] }),
  },
  polls: {
    getPolls: async ({ ids }: { ids: string[] }) => ({
      polls: ids.includes(poll) ? [{ id: poll, author_id: owner }] : [],
    }),
    showPoll: async () => ({}),
  },
} as unknown as Parameters<typeof startTimelines>[1];

const runtimes = [testRuntime('timelines'), testRuntime('timelines')] as const;
const [before, after] = [await startTimelines(runtimes[0], parts), await startTimelines(runtimes[1], parts)];
afterAll(async () => {
  for (const [index, runtime] of runtimes.entries()) {
    await runtime.close();
    await [before, after][index]?.storage.drop();
  }
});
const service = timelinesPortability(after.deps);

/** The same person on the other system. */
async function appear(member: { id: string; username: string }) {
  const { id, username } = member;
  await after.publish('user.created', { id, username, display_name: username, avatar_url: null, version: 1 });
  return { id, username, authorization: await after.tokens.authorization({ id, username }) };
}
/** Imported ids are not fresh ones. */
const anHourAgo = createIdGenerator(2, () => Date.now() - 3_600_000);
before.deps.nextId = async () => anHourAgo();

test('posts, threads, quotes and bookmarks are the same after an export and an import', async () => {
  const [ada, bob] = [await before.join('ada'), await before.join('bob')];
  owner = ada.id;
  const foreign = await before.post(bob, { text: 'of another' });
  const first = await before.post(ada, { text: 'Hello @bob #año 🪶', media_ids: [file], poll_id: poll });
  const reply = await before.post(ada, { text: 'and more', reply_to: first, visibility: 'followers' });
  const answer = await before.post(ada, { text: 'to another', reply_to: foreign });
  const quote = await before.post(ada, { text: 'see this', repost_of: foreign });
  const repost = await before.post(ada, { repost_of: foreign });
  const deleted = await before.post(ada, { text: 'deleted' });
  await before.call('DELETE', `/posts/id/${deleted}`, ada);
  for (const id of [first, foreign]) await before.call('POST', `/posts/id/${id}/bookmark`, ada);
  const exported = await exportAll(timelinesPortability(before.deps), ada.id);
  expect(recordsIn(exported).posts?.map(({ id }) => id)).toEqual([first, reply, answer, quote, repost]);

  const again = await appear(ada);
  await appear(bob);
  expect(await importAll(service, ada.id, exported)).toEqual({
    posts: { imported: 4, 'post.reference-not-found': 1 },
    bookmarks: { imported: 1, 'post.not-found': 1 },
  });
  const read = async (system: typeof before, path: string, as: typeof ada) => {
    const { body } = await system.call('GET', path, as);
    const { quote: _, ...rest } = body as { quote?: unknown };
    return rest;
  };
  for (const id of [first, reply, answer, quote])
    expect(await read(after, `/posts/id/${id}`, again)).toEqual(await read(before, `/posts/id/${id}`, ada));
  expect((await after.call('GET', `/posts/id/${quote}`, again)).body.quote).toEqual({
    id: foreign,
    state: 'unavailable',
  });
  expect(idsOf(await after.call('GET', '/posts/bookmarks', again))).toEqual([first]);
  expect(idsOf(await after.call('GET', '/posts/ada', again))).toEqual([quote, answer, reply, first]);

  expect(await importAll(service, ada.id, exported)).toEqual({
    posts: { exists: 4, 'post.reference-not-found': 1 },
    bookmarks: { exists: 1, 'post.not-found': 1 },
  });
  expect((await importAll(service, bob.id, exported)).posts).toMatchObject({ 'id.taken': 4 });
  const names = (await after.storage.database.select().from(outbox)).map(({ name }) => name);
  expect(new Set(names)).toEqual(new Set(['post.imported', 'post.fan-out']));
});

test('a deleted post is not restored, and a record that could not have been created is skipped', async () => {
  const ada = await after.join('late');
  const good = {
    id: anHourAgo(),
    text: 'fine',
    reply_to: null,
    root_id: null,
    repost_of: null,
    media_ids: [],
    poll_id: null,
    visibility: 'public',
  };
  const outcome = async (change: object) => {
    const json = JSON.stringify({ ...good, ...change });
    return (await importAll(service, ada.id, { posts: [{ json, file: undefined }] })).posts;
  };
  for (const change of [
    { id: await after.deps.nextId() },
    { id: '9007199254740991' },
    { id: '-1' },
    { text: '' },
    { text: 'x'.repeat(600) },
    { text: '\u3164' },
    { visibility: 'mentioned' },
    { media_ids: ['../x'] },
  ])
    expect(await outcome(change)).toEqual({ 'record.invalid': 1 });
  expect(await outcome({ media_ids: [uuidv7()], poll_id: uuidv7() })).toEqual({ imported: 1 });
  expect((await after.call('GET', `/posts/id/${good.id}`)).body).toMatchObject({ text: 'fine', media: [] });
  await after.call('DELETE', `/posts/id/${good.id}`, ada);
  expect(await outcome({})).toEqual({ exists: 1 });
  expect((await after.call('GET', `/posts/id/${good.id}`)).status).toBe(404);
  const rows = await after.storage.database.select().from(posts).where(eq(posts.id, good.id));
  expect(rows).toHaveLength(1);
});
