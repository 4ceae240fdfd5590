import { afterAll, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { testRuntime } from '../../../tests/support/servers';
import { startTimelines } from '../../../tests/support/timelines';
import { createAcceptedPost } from '../posts/accept';
import { parseDraft } from '../posts/draft';
import { resolveDraft } from '../posts/resolve';
import { writePost } from '../posts/write';
import { outbox, posts } from '../schema';

const runtime = testRuntime('timelines-replication');
const { call, deps, join, post, publish, storage } = await startTimelines(runtime);

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const read = async (id: string, reader?: { authorization: string }) => call('GET', `/posts/id/${id}`, reader);

test('late and redelivered events are ignored', async () => {
  const [one, other] = [await join('versioned_a'), await join('versioned_b')];
  const follow = { follower_id: one.id, followee_id: other.id };
  const id = await post(other, { text: 'x', visibility: 'followers' });
  await publish('user.unfollowed', { ...follow, version: 8 });
  await publish('user.followed', { ...follow, version: 7 });
  expect((await read(id, one)).status).toBe(404);
  await publish('user.followed', { ...follow, version: 9 });
  await publish('user.unfollowed', { ...follow, version: 8 });
  expect((await read(id, one)).status).toBe(200);
  await publish('user.updated', {
    id: other.id,
    username: 'versioned_b',
    display_name: 'New',
    avatar_url: null,
    version: 3,
  });
  await publish('user.updated', {
    id: other.id,
    username: 'versioned_b',
    display_name: 'Old',
    avatar_url: null,
    version: 2,
  });
  expect((await read(id, one)).body.author).toMatchObject({ display_name: 'New' });
});

test('erasing a person deletes their posts, and their share in counts and mentions', async () => {
  const [leaver, stayer] = [await join('erased'), await join('staying')];
  const root = await post(stayer);
  const reply = await post(leaver, { text: 'a reply', reply_to: root });
  const repost = await post(leaver, { repost_of: root });
  const mention = await post(stayer, { text: 'dear @erased' });
  await call('POST', `/posts/id/${root}/bookmark`, leaver);
  await publish('user.deleted', { id: leaver.id, version: 5 });
  await publish('user.deleted', { id: leaver.id, version: 5 });
  expect((await read(root)).body).toMatchObject({ replies_count: 0, reposts_count: 0 });
  expect((await read(mention)).body.mentions).toEqual([]);
  const left = await storage.database.select().from(posts).where(eq(posts.authorId, leaver.id));
  expect(left).toEqual([]);
  // Others delete what they hold about each: likes, notifications.
  const rows = await storage.database.select().from(outbox).where(eq(outbox.name, 'post.deleted'));
  expect(rows.map((row) => JSON.parse(row.payload).data.id).sort()).toEqual([reply, repost].sort());
});

test('erasing a person deletes posts that wait for the broker, and refuses those on their way', async () => {
  const leaver = await join('erased_early');
  const accepted = await call('POST', '/posts/async', { ...leaver, body: { text: 'words on their way' } });
  const other = await join('not_erased');
  await call('POST', '/posts/async', { ...other, body: { text: 'words of another' } });
  const waiting = async () =>
    (await storage.database.select().from(outbox).where(eq(outbox.name, 'post.create'))).map(
      (row) => JSON.parse(row.payload).data.text,
    );
  expect(await waiting()).toEqual(['words on their way', 'words of another']);
  await publish('user.deleted', { id: leaver.id, version: 5 });
  expect(await waiting()).toEqual(['words of another']);
  const late = createAcceptedPost(deps, leaver, String(accepted.body.id), { text: 'words on their way' });
  expect(await late.catch((failure) => failure.code)).toBe('user.not-found');
});

test('a post that is written while its author is erased does not outlive the erasure', async () => {
  const leaver = await join('erased_writing');
  const post = await resolveDraft(deps, leaver, parseDraft({ text: 'too late' }, 500));
  await publish('user.deleted', { id: leaver.id, version: 5 });
  const written = storage.database.transaction(async (transaction) =>
    writePost(transaction, await deps.nextId(), post),
  );
  expect(await written.catch((failure) => failure.code)).toBe('user.not-found');
});
