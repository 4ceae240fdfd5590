import { afterAll, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { createIdGenerator } from '#kit/core/ids';
import { type Member, startNotifications } from '../../tests/support/notifications';
import { oldDatabase } from '../../tests/support/old-database';
import { testRuntime } from '../../tests/support/servers';
import { type NotifyingEvent, noticesOf } from '../../workers/notifications/notices';
import { deleteExpired } from './deletion-store';
import { recordNotices } from './notices';
import { endedObjects, notifications } from './schema';

const runtime = testRuntime('notifications');
const { call, deps, join, publish, storage } = await startNotifications(runtime);
const nextRequest = createIdGenerator(2);
afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

interface Request {
  readonly id: string;
  readonly follower_id: string;
  readonly followee_id: string;
}

const requestOf = (follower: Member, followee: Member): Request => ({
  id: nextRequest(),
  follower_id: follower.id,
  followee_id: followee.id,
});
/** What the worker does. */
const record = (name: string, data: object) =>
  recordNotices(deps, noticesOf({ name, data } as NotifyingEvent) as Parameters<typeof recordNotices>[1]);
const ask = (request: Request) => record('user.follow-requested', request);
async function close(request: Request, outcome: 'authorized' | 'rejected' | 'withdrawn') {
  await publish('user.follow-request-closed', { ...request, outcome });
  await record('user.follow-request-closed', { ...request, outcome });
}
const listOf = async (who: Member) =>
  (await call('GET', '/notifications', who)).body.items as { text: string; type: string }[];
const textsOf = async (who: Member) => (await listOf(who)).map(({ text }) => text);

let count = 0;
const newcomer = () => join(`asker_${++count}`);
const pair = async () => [await newcomer(), await newcomer()] as const;

describe('a follow request', () => {
  test('notifies the owner of the profile once, and each request by itself', async () => {
    const [me, owner] = await pair();
    const other = await newcomer();
    const request = requestOf(me, owner);
    for (let delivery = 0; delivery < 2; delivery++) await ask(request);
    await ask(requestOf(other, owner));
    expect(await listOf(owner)).toMatchObject([
      { text: `${other.username} wants to follow you` },
      {
        type: 'follow-request',
        text: `${me.username} wants to follow you`,
        object_id: request.id,
        subject_id: me.id,
        actors: [{ username: me.username }],
      },
    ]);
  });

  test.each(['rejected', 'withdrawn'] as const)(
    'that is %s leaves no notification, in whichever order the events arrive, and tells nobody',
    async (outcome) => {
      const [me, owner] = await pair();
      const [first, second, third] = [requestOf(me, owner), requestOf(me, owner), requestOf(me, owner)];
      await ask(first);
      await close(first, outcome);
      await close(second, outcome);
      await ask(second);
      expect(await listOf(owner)).toEqual([]);
      await ask(third);
      await close(first, outcome);
      expect(await textsOf(owner)).toEqual([`${me.username} wants to follow you`]);
      expect(await listOf(me)).toEqual([]);
    },
  );

  test('that is authorized notifies the one who asked, once for each request', async () => {
    const [me, owner] = await pair();
    for (let round = 0; round < 2; round++) {
      const request = requestOf(me, owner);
      await ask(request);
      for (let delivery = 0; delivery < 2; delivery++) await close(request, 'authorized');
    }
    expect(await listOf(owner)).toEqual([]);
    const text = `${owner.username} accepted your follow request`;
    expect(await textsOf(me)).toEqual([text, text]);
  });

  test('heeds settings, mutes and blocks', async () => {
    for (const restriction of ['off', 'muted', 'blocked'] as const) {
      const [me, owner] = await pair();
      if (restriction === 'off')
        await call('PUT', '/notifications/settings', { ...owner, body: { 'follow-request': 'off' } });
      if (restriction === 'muted')
        await publish('user.muted', { muter_id: owner.id, muted_id: me.id, version: 1 });
      if (restriction === 'blocked')
        await publish('user.blocked', { blocker_id: owner.id, blocked_id: me.id, version: 1 });
      await ask(requestOf(me, owner));
      expect(await listOf(owner)).toEqual([]);
    }
  });

  test('and its answer are erased with either person, also when the events arrive later', async () => {
    const [me, owner] = await pair();
    const other = await newcomer();
    const [mine, others] = [requestOf(me, owner), requestOf(other, owner)];
    await ask(mine);
    await close(others, 'authorized');
    expect([(await listOf(owner)).length, (await listOf(other)).length]).toEqual([1, 1]);
    await publish('user.deleted', { id: me.id, version: 2 });
    await ask(mine);
    expect(await listOf(owner)).toEqual([]);
    await publish('user.deleted', { id: owner.id, version: 2 });
    await close(others, 'authorized');
    expect(await listOf(other)).toEqual([]);
  });
});

test('a post that was deleted before its likes, replies and mentions arrived leaves no notification', async () => {
  const [author, other] = await pair();
  const post = nextRequest();
  await publish('post.deleted', { id: post, author_id: author.id });
  const about = { user_id: author.id, actor_id: other.id, object_id: post };
  await recordNotices(deps, [
    { ...about, type: 'like' },
    { ...about, type: 'reply' },
    { ...about, type: 'mention' },
    { ...about, type: 'repost' },
  ]);
  expect(await listOf(author)).toEqual([]);
});

test('the ends of objects are kept as long as notifications', async () => {
  await publish('post.deleted', { id: nextRequest(), author_id: (await newcomer()).id });
  await storage.database.update(endedObjects).set({ endedAt: sql`now(3) - interval 10 day` });
  const kept = nextRequest();
  await publish('post.deleted', { id: kept, author_id: (await newcomer()).id });
  await deleteExpired(storage.database, 5, new AbortController().signal);
  expect(await storage.database.select().from(endedObjects)).toMatchObject([{ kind: 'post', id: kept }]);
});

test('the notifications of the version before stay', async () => {
  const old = await oldDatabase('notifications', '0001_poll-ended');
  try {
    await old.database.execute(sql`
      insert into notifications (id, user_id, type, object_id, reason, actors_count, latest_actors, unread,
        mail_pending, position, changed_at)
      values (1, unhex(repeat('0a', 16)), 'poll-ended', 'the poll', 'asked', 0, '[]', true, false, 1, now(3))`);
    await old.migrate();
    expect(await old.database.select().from(notifications)).toMatchObject([{ type: 'poll-ended' }]);
  } finally {
    await old.drop();
  }
});
