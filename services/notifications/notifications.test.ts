import { afterAll, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { serveHttp } from '#kit/http/server';
import { outbox } from '#kit/messaging/tables';
import { listenTo } from '../../tests/support/event-stream';
import { eventually } from '../../tests/support/eventually';
import { type Member, startNotifications } from '../../tests/support/notifications';
import { testRuntime } from '../../tests/support/servers';
import { listDue } from './digest-store';
import { sendDigest } from './digests';
import type { Notice, Notification } from './model';
import { recordNotices } from './notices';
import { notificationActors } from './schema';
import { readDelivery } from './service';

const runtime = testRuntime('notifications');
const service = await startNotifications(runtime);
const { call, deps, join, live, storage, publish } = service;
const { port } = serveHttp(runtime, service.app, { hostname: '127.0.0.1', port: 0, strictPort: true });
let objects = 1000;

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const newObject = () => String(objects++);
const like = (to: Member, by: Member, post: string): Notice => ({
  user_id: to.id,
  type: 'like',
  actor_id: by.id,
  object_id: post,
});

async function list(to: Member, query = ''): Promise<Notification[]> {
  const { status, body } = await call('GET', `/notifications${query}`, to);
  expect(status).toBe(200);
  return body.items as Notification[];
}
const unreadCount = async (to: Member) =>
  (await call('GET', '/notifications/unread-count', to)).body.unread_count;

async function people(prefix: string, number: number): Promise<Member[]> {
  return Promise.all(Array.from({ length: number }, (_, index) => join(`${prefix}_${index}`)));
}

test('likes of one post are one notification, also when they are recorded concurrently and repeatedly', async () => {
  const author = await join('author');
  const likers = await people('liker', 200);
  const post = newObject();
  const notices = likers.map((liker) => like(author, liker, post));
  // As several workers do, with redeliveries.
  const halves = [notices, notices.slice(100), notices.slice(0, 100), notices.toReversed()];
  const changed = await Promise.all(halves.map((some) => recordNotices(deps, some)));
  expect(changed.flat()).toHaveLength(200);
  const [notification, ...others] = await list(author);
  expect(others).toEqual([]);
  expect(notification).toMatchObject({ type: 'like', object_id: post, actors_count: 200, unread: true });
  expect(notification?.actors).toHaveLength(3);
  expect(notification?.text).toBe(`${notification?.actors[0]?.username} and 199 others liked your post`);
}, 60_000);

test('a new actor makes a read notification unread, a repeated one does not', async () => {
  const [author, one, other] = [await join('again'), await join('first'), await join('second')];
  const post = newObject();
  await recordNotices(deps, [like(author, one, post)]);
  const [notification] = await list(author);
  const read = await call('POST', '/notifications/read', { ...author, body: { ids: [notification?.id] } });
  expect(read.body).toEqual({ unread_count: 0 });
  await recordNotices(deps, [like(author, one, post)]);
  expect(await unreadCount(author)).toBe(0);
  await recordNotices(deps, [like(author, other, post)]);
  expect(await list(author, '?unread=true')).toMatchObject([
    { id: notification?.id, text: 'second and first liked your post', unread: true },
  ]);
});

test('actors who are muted or blocked are removed from earlier notifications and suppressed in later ones', async () => {
  const [reader, muted, blocked, blocker, friend] = await people('relation', 5);
  if (!reader || !muted || !blocked || !blocker || !friend) throw new Error('expected five people');
  const [before, after] = [newObject(), newObject()];
  const all = (post: string) => [muted, blocked, blocker, friend].map((by) => like(reader, by, post));
  const alone = newObject();
  await recordNotices(deps, [...all(before), like(reader, blocked, alone)]);
  await publish('user.muted', { muter_id: reader.id, muted_id: muted.id, version: 1 });
  await publish('user.blocked', { blocker_id: reader.id, blocked_id: blocked.id, version: 1 });
  await publish('user.blocked', { blocker_id: blocker.id, blocked_id: reader.id, version: 1 });
  await recordNotices(deps, all(after));
  const byFriend = { text: `${friend.username} liked your post`, actors_count: 1 };
  expect(await list(reader)).toMatchObject([
    { object_id: after, ...byFriend },
    { object_id: before, ...byFriend },
  ]);
  await publish('user.unmuted', { muter_id: reader.id, muted_id: muted.id, version: 2 });
  await recordNotices(deps, all(after));
  expect(await list(reader)).toMatchObject([{ object_id: after, actors_count: 2 }, { object_id: before }]);
});

test('pages hold each notification once, while others arrive; lists filter by type and read state', async () => {
  const [reader, friend] = [await join('pages'), await join('pages_friend')];
  const posts = Array.from({ length: 5 }, newObject);
  for (const post of posts) await recordNotices(deps, [like(reader, friend, post)]);
  await recordNotices(deps, [
    { user_id: reader.id, type: 'follow', actor_id: friend.id, object_id: reader.id },
  ]);
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await call('GET', `/notifications?limit=2&type=like${cursor}`, reader);
    seen.push(...(body.items as Notification[]).map((item) => item.object_id));
    await recordNotices(deps, [like(reader, friend, newObject())]);
    if (body.next_cursor === null) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  expect(seen).toEqual(posts.toReversed());
  const [follow] = await list(reader, '?type=follow');
  expect(follow?.text).toBe('pages_friend followed you');
  const read = await call('POST', '/notifications/read', { ...reader, body: { up_to: follow?.id } });
  expect(read.body).toEqual({ unread_count: 3 });
  expect(await list(reader, '?unread=false')).toHaveLength(6);
});

test("another person's notification cannot be marked as read", async () => {
  const [one, other] = [await join('owner'), await join('stranger')];
  await recordNotices(deps, [like(one, other, newObject())]);
  const [notification] = await list(one);
  const rejected = await call('POST', '/notifications/read', { ...other, body: { up_to: notification?.id } });
  expect([rejected.status, rejected.body.code]).toEqual([404, 'notification.not-found']);
  await call('POST', '/notifications/read', { ...other, body: { ids: [notification?.id] } });
  expect(await unreadCount(one)).toBe(1);
});

test('types that are off are not recorded, and unread ones with mail go out once in one digest', async () => {
  const [reader, friend] = [await join('mailed'), await join('mailing')];
  const chosen = await call('PUT', '/notifications/settings', {
    ...reader,
    body: { follow: 'off', mention: 'mail', reply: 'mail' },
  });
  expect(chosen.body).toMatchObject({ follow: 'off', mention: 'mail', like: 'mail' });
  const by = { user_id: reader.id, actor_id: friend.id };
  const read = newObject();
  await recordNotices(deps, [
    { ...by, type: 'follow', object_id: reader.id },
    { ...by, type: 'mention', object_id: newObject() },
    { ...by, type: 'mention', object_id: read },
    { ...by, type: 'reply', object_id: newObject() },
    like(reader, friend, newObject()),
  ]);
  const listed = await list(reader);
  expect(listed.map((item) => item.type)).toEqual(['like', 'reply', 'mention', 'mention']);
  const ids = listed.filter((item) => item.object_id === read).map((item) => item.id);
  await call('POST', '/notifications/read', { ...reader, body: { ids } });
  await Promise.all([sendDigest(deps, reader.id), sendDigest(deps, reader.id)]);
  const mails = (await storage.database.select().from(outbox)).map((row) => JSON.parse(row.payload));
  expect(mails.map((mail) => mail.data)).toEqual([
    {
      to: { user_id: reader.id },
      content: {
        template: 'notification',
        values: {
          title: 'New on Rookery',
          notifications_count: 2,
          text: 'mailing replied to your post\nmailing mentioned you',
          action: { label: 'See all', link: 'https://rookery.example/notifications' },
        },
      },
    },
  ]);
});

test('a digest is sent after its delay, which later notifications do not extend', async () => {
  const [reader, friend] = [await join('waiting'), await join('waited_for')];
  await call('PUT', '/notifications/settings', { ...reader, body: { mention: 'mail' } });
  const mention = () => [
    { user_id: reader.id, actor_id: friend.id, type: 'mention' as const, object_id: newObject() },
  ];
  const due = () => listDue(deps.database, 100);
  await recordNotices(deps, mention());
  expect(await due()).not.toContain(reader.id);
  await sendDigest(deps, reader.id);
  await recordNotices({ ...deps, digestSeconds: 0 }, mention());
  // A later notification does not postpone the mail.
  await recordNotices(deps, mention());
  await eventually(async () => (await due()).includes(reader.id));
  await sendDigest(deps, reader.id);
  expect(await due()).not.toContain(reader.id);
});

test('likes are not part of the digest, and readDelivery returns their setting and the suppressed actors', async () => {
  const [author, muted, blocker, friend] = await people('delivery', 4);
  if (!author || !muted || !blocker || !friend) throw new Error('expected four people');
  const actorIds = [muted.id, blocker.id, friend.id];
  const delivered = () => readDelivery(deps, { userId: author.id, type: 'like', actorIds });
  expect(await delivered()).toEqual({ delivery: 'mail', suppressedIds: [] });
  await recordNotices({ ...deps, digestSeconds: 0 }, [like(author, friend, newObject())]);
  expect(await listDue(deps.database, 100)).not.toContain(author.id);
  await publish('user.muted', { muter_id: author.id, muted_id: muted.id, version: 1 });
  await publish('user.blocked', { blocker_id: blocker.id, blocked_id: author.id, version: 1 });
  for (const setting of ['app', 'off'] as const) {
    await call('PUT', '/notifications/settings', { ...author, body: { like: setting } });
    const { delivery, suppressedIds } = await delivered();
    expect([delivery, suppressedIds.toSorted()]).toEqual([setting, [muted.id, blocker.id].toSorted()]);
  }
});

test('the end of a poll is notified once, and not to voters who have muted its author', async () => {
  const [author, voter, muting] = await people('poll', 3);
  if (!author || !voter || !muting) throw new Error('expected three people');
  await publish('user.muted', { muter_id: muting.id, muted_id: author.id, version: 1 });
  const ended = { type: 'poll-ended' as const, object_id: newObject() };
  const notices = [
    { ...ended, user_id: author.id, reason: 'asked' },
    ...[voter, muting].map(({ id }) => ({ ...ended, user_id: id, actor_id: author.id, reason: 'voted' })),
  ];
  await recordNotices(deps, notices);
  await recordNotices(deps, [...notices, ...notices]);
  const texts = async (to: Member) => (await list(to, '?type=poll-ended')).map(({ text }) => text);
  expect(await texts(author)).toEqual(['Your poll has ended']);
  expect(await texts(voter)).toEqual([`The poll of ${author.username} has ended`]);
  expect(await texts(muting)).toEqual([]);
});

test('a stream has new notifications at once, and resumes with each changed one once', async () => {
  const [reader, one, other] = [await join('streaming'), await join('stream_a'), await join('stream_b')];
  const url = `http://127.0.0.1:${port}/notifications/stream`;
  const first = await listenTo(url, reader);
  await eventually(() => first.lastEventId() === '0');
  const [post, second] = [newObject(), newObject()];
  live.wake(await recordNotices(deps, [like(reader, one, post)]));
  await eventually(() => first.received.length === 1);
  expect(first.received[0]).toMatchObject({ name: 'notification', data: { object_id: post } });
  first.close();
  await first.ended;
  // As on another instance: this one finds it by polling.
  await recordNotices(deps, [like(reader, one, second), like(reader, other, second)]);
  const back = await listenTo(url, { ...reader, lastEventId: first.lastEventId() });
  await eventually(() => back.received.length === 1);
  await recordNotices(deps, [like(reader, other, post)]);
  await eventually(() => back.received.length === 2);
  expect(back.received.map((event) => [event.data.object_id, event.data.actors_count])).toEqual([
    [second, 2],
    [post, 2],
  ]);
  back.close();
});

test('erasing a person or deleting a post deletes its notifications', async () => {
  const [reader, erased, friend] = [await join('stays'), await join('leaves'), await join('friend_stays')];
  const [both, only, deleted] = [newObject(), newObject(), newObject()];
  await recordNotices(deps, [
    like(reader, erased, both),
    like(reader, friend, both),
    like(reader, erased, only),
    like(reader, friend, deleted),
    like(erased, friend, newObject()),
  ]);
  await publish('user.deleted', { id: erased.id, version: 2 });
  await publish('post.deleted', { id: deleted, author_id: reader.id });
  await recordNotices(deps, [like(reader, erased, newObject()), like(erased, reader, newObject())]);
  expect(await list(reader)).toMatchObject([{ object_id: both, text: 'friend_stays liked your post' }]);
  expect(await list(erased)).toEqual([]);
});

test('deleting a reply deletes its notification, in whatever order the events arrive', async () => {
  const [author, one, two] = [await join('replied_to'), await join('replies_one'), await join('replies_two')];
  const [post, early, late, overtaken] = [newObject(), newObject(), newObject(), newObject()];
  const reply = (by: Member, id: string): Notice => ({
    ...{ user_id: author.id, type: 'reply', object_id: post },
    ...{ actor_id: by.id, subject_id: id },
  });
  await recordNotices(deps, [reply(one, early)]);
  await recordNotices(deps, [reply(two, late)]);
  expect(await list(author)).toMatchObject([{ actors_count: 2, subject_id: late }]);
  await publish('post.deleted', { id: late, author_id: two.id });
  expect(await list(author)).toMatchObject([
    { text: 'replies_one replied to your post', actors_count: 1, subject_id: early },
  ]);
  await publish('post.deleted', { id: early, author_id: one.id });
  await publish('post.deleted', { id: overtaken, author_id: one.id });
  await recordNotices(deps, [reply(one, overtaken)]);
  expect(await list(author)).toEqual([]);
});

test('a reply that the version before has recorded ends with its post as well', async () => {
  const [author, one] = [await join('replied_before'), await join('replies_before')];
  const [post, id] = [newObject(), newObject()];
  await recordNotices(deps, [
    { user_id: author.id, type: 'reply', object_id: post, actor_id: one.id, subject_id: id },
  ]);
  await storage.database
    .update(notificationActors)
    .set({ subjectId: null })
    .where(eq(notificationActors.actorId, one.id));
  await publish('post.deleted', { id, author_id: one.id });
  expect(await list(author)).toEqual([]);
});

test('every route rejects anonymous callers', async () => {
  for (const path of ['', '/unread-count', '/stream', '/settings'])
    expect((await call('GET', `/notifications${path}`)).status).toBe(401);
  expect((await call('POST', '/notifications/read', { body: {} })).status).toBe(401);
});
