import { afterAll, expect, test } from 'bun:test';
import { serveHttp } from '#kit/http/server';
import { outbox } from '#kit/messaging/tables';
import { listenTo } from '../../tests/support/event-stream';
import { eventually } from '../../tests/support/eventually';
import { type Member, startNotifications } from '../../tests/support/notifications';
import { testRuntime } from '../../tests/support/servers';
import { listDue } from './digest-store';
import { sendDigest } from './digests';
import type { Notice, Notification } from './model';
import { record } from './recording';
import { readHearing } from './service';

const runtime = testRuntime('notifications');
const service = await startNotifications(runtime);
const { call, deps, join, live, storage, tell } = service;
const { port } = serveHttp(runtime, service.app, { hostname: '127.0.0.1', port: 0, insist: true });
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

async function shown(to: Member, query = ''): Promise<Notification[]> {
  const { status, body } = await call('GET', `/notifications${query}`, to);
  expect(status).toBe(200);
  return body.items as Notification[];
}
const unreadCount = async (to: Member) =>
  (await call('GET', '/notifications/unread-count', to)).body.unread_count;

async function people(prefix: string, number: number): Promise<Member[]> {
  return Promise.all(Array.from({ length: number }, (_, index) => join(`${prefix}_${index}`)));
}

test('likes of one post are one notification, however many there are and however often each is told', async () => {
  const author = await join('author');
  const likers = await people('liker', 200);
  const post = newObject();
  const notices = likers.map((liker) => like(author, liker, post));
  // From several workers at the same time, each telling half of it again.
  const halves = [notices, notices.slice(100), notices.slice(0, 100), notices.toReversed()];
  const changed = await Promise.all(halves.map((some) => record(deps, some)));
  expect(changed.flat()).toHaveLength(200);
  const [notification, ...others] = await shown(author);
  expect(others).toEqual([]);
  expect(notification).toMatchObject({ type: 'like', object_id: post, actors_count: 200, unread: true });
  expect(notification?.actors).toHaveLength(3);
  expect(notification?.text).toBe(`${notification?.actors[0]?.username} and 199 others liked your post`);
}, 60_000);

test('what has been read becomes unread when somebody new does the same, and stays read when nobody is new', async () => {
  const [author, one, other] = [await join('again'), await join('first'), await join('second')];
  const post = newObject();
  await record(deps, [like(author, one, post)]);
  const [notification] = await shown(author);
  const read = await call('POST', '/notifications/read', { ...author, body: { ids: [notification?.id] } });
  expect(read.body).toEqual({ unread_count: 0 });
  await record(deps, [like(author, one, post)]);
  expect(await unreadCount(author)).toBe(0);
  await record(deps, [like(author, other, post)]);
  expect(await shown(author, '?unread=true')).toMatchObject([
    { id: notification?.id, text: 'second and first liked your post', unread: true },
  ]);
});

test('nobody hears of people they have muted, or have a block with, before and after', async () => {
  const [reader, muted, blocked, blocker, friend] = await people('relation', 5);
  if (!reader || !muted || !blocked || !blocker || !friend) throw new Error('five people were made');
  const [before, after] = [newObject(), newObject()];
  const all = (post: string) => [muted, blocked, blocker, friend].map((by) => like(reader, by, post));
  const alone = newObject();
  await record(deps, [...all(before), like(reader, blocked, alone)]);
  await tell('user.muted', { muter_id: reader.id, muted_id: muted.id, version: 1 });
  await tell('user.blocked', { blocker_id: reader.id, blocked_id: blocked.id, version: 1 });
  await tell('user.blocked', { blocker_id: blocker.id, blocked_id: reader.id, version: 1 });
  await record(deps, all(after));
  const byFriend = { text: `${friend.username} liked your post`, actors_count: 1 };
  expect(await shown(reader)).toMatchObject([
    { object_id: after, ...byFriend },
    { object_id: before, ...byFriend },
  ]);
  await tell('user.unmuted', { muter_id: reader.id, muted_id: muted.id, version: 2 });
  await record(deps, all(after));
  expect(await shown(reader)).toMatchObject([{ object_id: after, actors_count: 2 }, { object_id: before }]);
});

test('pages hold each notification once, whatever comes in between; types and read ones can be asked for', async () => {
  const [reader, friend] = [await join('pages'), await join('pages_friend')];
  const posts = Array.from({ length: 5 }, newObject);
  for (const post of posts) await record(deps, [like(reader, friend, post)]);
  await record(deps, [{ user_id: reader.id, type: 'follow', actor_id: friend.id, object_id: reader.id }]);
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await call('GET', `/notifications?limit=2&type=like${cursor}`, reader);
    seen.push(...(body.items as Notification[]).map((item) => item.object_id));
    await record(deps, [like(reader, friend, newObject())]);
    if (body.next_cursor === null) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  expect(seen).toEqual(posts.toReversed());
  const [follow] = await shown(reader, '?type=follow');
  expect(follow?.text).toBe('pages_friend followed you');
  const read = await call('POST', '/notifications/read', { ...reader, body: { up_to: follow?.id } });
  expect(read.body).toEqual({ unread_count: 3 });
  expect(await shown(reader, '?unread=false')).toHaveLength(6);
});

test("another person's notification is not there to be read", async () => {
  const [one, other] = [await join('owner'), await join('stranger')];
  await record(deps, [like(one, other, newObject())]);
  const [notification] = await shown(one);
  const refused = await call('POST', '/notifications/read', { ...other, body: { up_to: notification?.id } });
  expect([refused.status, refused.body.code]).toEqual([404, 'notification.not-found']);
  await call('POST', '/notifications/read', { ...other, body: { ids: [notification?.id] } });
  expect(await unreadCount(one)).toBe(1);
});

test('what is off is not recorded, and what is to be mailed goes out once, together, without what was read', async () => {
  const [reader, friend] = [await join('mailed'), await join('mailing')];
  const chosen = await call('PUT', '/notifications/settings', {
    ...reader,
    body: { follow: 'off', mention: 'mail', reply: 'mail' },
  });
  expect(chosen.body).toMatchObject({ follow: 'off', mention: 'mail', like: 'mail' });
  const by = { user_id: reader.id, actor_id: friend.id };
  const read = newObject();
  await record(deps, [
    { ...by, type: 'follow', object_id: reader.id },
    { ...by, type: 'mention', object_id: newObject() },
    { ...by, type: 'mention', object_id: read },
    { ...by, type: 'reply', object_id: newObject() },
    like(reader, friend, newObject()),
  ]);
  const listed = await shown(reader);
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
          title: '2 things happened',
          text: 'mailing replied to your post\nmailing mentioned you',
          action: { label: 'See all', link: 'https://rookery.example/notifications' },
        },
      },
    },
  ]);
});

test('a mail waits for more to go with it, and not for ever', async () => {
  const [reader, friend] = [await join('waiting'), await join('waited_for')];
  await call('PUT', '/notifications/settings', { ...reader, body: { mention: 'mail' } });
  const mention = () => [
    { user_id: reader.id, actor_id: friend.id, type: 'mention' as const, object_id: newObject() },
  ];
  const due = () => listDue(deps.database, 100);
  await record(deps, mention());
  expect(await due()).not.toContain(reader.id);
  await sendDigest(deps, reader.id);
  await record({ ...deps, digestSeconds: 0 }, mention());
  // What comes later does not put off what waits.
  await record(deps, mention());
  await eventually(async () => (await due()).includes(reader.id));
  await sendDigest(deps, reader.id);
  expect(await due()).not.toContain(reader.id);
});

test('likes, which have a mail of their own, do not go into the others, and the setting says whether that comes', async () => {
  const [author, muted, blocker, friend] = await people('hearing', 4);
  if (!author || !muted || !blocker || !friend) throw new Error('four people were made');
  const actorIds = [muted.id, blocker.id, friend.id];
  const hearing = () => readHearing(deps, { userId: author.id, type: 'like', actorIds });
  expect(await hearing()).toEqual({ delivery: 'mail', unheardIds: [] });
  await record({ ...deps, digestSeconds: 0 }, [like(author, friend, newObject())]);
  expect(await listDue(deps.database, 100)).not.toContain(author.id);
  await tell('user.muted', { muter_id: author.id, muted_id: muted.id, version: 1 });
  await tell('user.blocked', { blocker_id: blocker.id, blocked_id: author.id, version: 1 });
  for (const setting of ['app', 'off'] as const) {
    await call('PUT', '/notifications/settings', { ...author, body: { like: setting } });
    const { delivery, unheardIds } = await hearing();
    expect([delivery, unheardIds.toSorted()]).toEqual([setting, [muted.id, blocker.id].toSorted()]);
  }
});

test('the end of a poll is told of once, and not to voters who do not hear whoever asked', async () => {
  const [asker, voter, muting] = await people('poll', 3);
  if (!asker || !voter || !muting) throw new Error('three people were made');
  await tell('user.muted', { muter_id: muting.id, muted_id: asker.id, version: 1 });
  const ended = { type: 'poll-ended' as const, object_id: newObject() };
  const notices = [
    { ...ended, user_id: asker.id, reason: 'asked' },
    ...[voter, muting].map(({ id }) => ({ ...ended, user_id: id, actor_id: asker.id, reason: 'voted' })),
  ];
  await record(deps, notices);
  await record(deps, [...notices, ...notices]);
  const texts = async (to: Member) => (await shown(to, '?type=poll-ended')).map(({ text }) => text);
  expect(await texts(asker)).toEqual(['Your poll has ended']);
  expect(await texts(voter)).toEqual([`The poll of ${asker.username} has ended`]);
  expect(await texts(muting)).toEqual([]);
});

test('a stream tells what is new at once, and whoever comes back gets what has changed, once each', async () => {
  const [reader, one, other] = [await join('streaming'), await join('stream_a'), await join('stream_b')];
  const url = `http://127.0.0.1:${port}/notifications/stream`;
  const first = await listenTo(url, reader);
  await eventually(() => first.lastEventId() === '0');
  const [post, second] = [newObject(), newObject()];
  live.tell(await record(deps, [like(reader, one, post)]));
  await eventually(() => first.received.length === 1);
  expect(first.received[0]).toMatchObject({ name: 'notification', data: { object_id: post } });
  first.close();
  await first.ended;
  // As another instance would: this one is not told, and looks.
  await record(deps, [like(reader, one, second), like(reader, other, second)]);
  const back = await listenTo(url, { ...reader, lastEventId: first.lastEventId() });
  await eventually(() => back.received.length === 1);
  await record(deps, [like(reader, other, post)]);
  await eventually(() => back.received.length === 2);
  expect(back.received.map((event) => [event.data.object_id, event.data.actors_count])).toEqual([
    [second, 2],
    [post, 2],
  ]);
  back.close();
});

test('nothing is left of whoever is erased, and of a post that is deleted', async () => {
  const [reader, gone, friend] = [await join('stays'), await join('leaves'), await join('friend_stays')];
  const [both, only, deleted] = [newObject(), newObject(), newObject()];
  await record(deps, [
    like(reader, gone, both),
    like(reader, friend, both),
    like(reader, gone, only),
    like(reader, friend, deleted),
    like(gone, friend, newObject()),
  ]);
  await tell('user.deleted', { id: gone.id, version: 2 });
  await tell('post.deleted', { id: deleted, author_id: reader.id });
  await record(deps, [like(reader, gone, newObject()), like(gone, reader, newObject())]);
  expect(await shown(reader)).toMatchObject([{ object_id: both, text: 'friend_stays liked your post' }]);
  expect(await shown(gone)).toEqual([]);
});

test('strangers are told nothing', async () => {
  for (const path of ['', '/unread-count', '/stream', '/settings'])
    expect((await call('GET', `/notifications${path}`)).status).toBe(401);
  expect((await call('POST', '/notifications/read', { body: {} })).status).toBe(401);
});
