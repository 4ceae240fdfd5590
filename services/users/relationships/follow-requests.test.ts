import { afterAll, describe, expect, test } from 'bun:test';
import { sql } from 'drizzle-orm';
import { followActions, statusOf } from '../../../tests/support/follows';
import { oldDatabase } from '../../../tests/support/old-database';
import { type Member, startPeople } from '../../../tests/support/people';
import { followRequests, unlockedProfiles, users } from '../schema';
import { findRelationship } from './store';
import { authorizeBatches } from './unlocking';

const people = await startPeople();
const { call, close, database, deps, flags, messagesNamed } = people;
afterAll(close);

const { act, answerRequest, followedEvents, lockedMember, newcomer, pendingOf, profileOf, setLocked } =
  followActions(people);

describe('a locked profile', () => {
  test('is shown as locked; every profile is unlocked at first', async () => {
    const [open, shut] = [await newcomer(), await lockedMember()];
    expect([(await profileOf(open)).locked, (await profileOf(shut)).locked]).toEqual([false, true]);
  });

  test('is asked for approval: following it makes a request and no follow, however often', async () => {
    const [me, owner] = [await newcomer(), await lockedMember()];
    for (let round = 0; round < 2; round++) {
      const typed = round === 0 ? owner.username : `%0A${owner.username.toUpperCase()}`;
      const { status, body, headers } = await call('POST', `/users/follow/${typed}`, me);
      expect(headers.get('location')).toBe(`/users/${owner.username}/relationship`);
      expect([status, body]).toEqual([202, { following: false, requested: true }]);
      const relationship = await call('GET', String(headers.get('location')), me);
      expect(relationship.body).toMatchObject({ following: false, requested: true });
    }
    expect(await pendingOf(owner)).toEqual([me.username]);
    expect(await profileOf(owner)).toMatchObject({ followers_count: 0 });
    expect(await profileOf(me)).toMatchObject({ followees_count: 0 });
    expect(await followedEvents(owner)).toBe(0);
    expect(await findRelationship(database, me.id, owner.id)).toMatchObject({
      oneFollowsOther: false,
      oneRequestedOther: true,
      otherRequestedOne: false,
    });
  });

  test('shows both users where they stand', async () => {
    const [me, owner] = [await newcomer(), await lockedMember()];
    const between = async (one: Member, other: Member) =>
      (await call('GET', `/users/${other.username}/relationship`, one)).body;
    const nothing = {
      following: false,
      followed_by: false,
      requested: false,
      requested_by: false,
      blocking: false,
      blocked_by: false,
      muting: false,
    };
    expect(await between(me, owner)).toEqual(nothing);
    await act(me, 'follow', owner);
    expect(await between(me, owner)).toEqual({ ...nothing, requested: true });
    expect(await between(owner, me)).toEqual({ ...nothing, requested_by: true });
    await answerRequest(owner, me, 'authorize');
    expect(await between(me, owner)).toEqual({ ...nothing, following: true });
    expect(await between(owner, me)).toEqual({ ...nothing, followed_by: true });
    await act(owner, 'block', me);
    expect(await between(owner, me)).toEqual({ ...nothing, blocking: true });
    expect(await between(me, owner)).toEqual({ ...nothing, blocked_by: true });
    expect((await call('GET', `/users/${me.username}/relationship`, me)).status).toBe(422);
  });

  test('keeps the followers from before it was locked', async () => {
    const [me, owner] = [await newcomer(), await newcomer()];
    expect(statusOf(await act(me, 'follow', owner))).toBe(204);
    await setLocked(owner, true);
    expect(statusOf(await act(me, 'follow', owner))).toBe(204);
    expect(await profileOf(owner)).toMatchObject({ followers_count: 1 });
    expect(await pendingOf(owner)).toEqual([]);
  });

  test('authorizes the pending requests when it is unlocked, also more than one batch', async () => {
    const owner = await lockedMember();
    const requesters = await Promise.all(Array.from({ length: 60 }, newcomer));
    for (const requester of requesters) await act(requester, 'follow', owner);
    const { body } = await setLocked(owner, false);
    expect(body).toMatchObject({ locked: false, followers_count: 50 });
    while (await authorizeBatches(deps));
    expect(await profileOf(owner)).toMatchObject({ followers_count: 60 });
    expect(await followedEvents(owner)).toBe(60);
    expect(await pendingOf(owner)).toEqual([]);
    expect(await database.$count(unlockedProfiles)).toBe(0);
  });

  test('that is locked again before all are authorized leaves the rest pending', async () => {
    const owner = await lockedMember();
    for (const requester of await Promise.all(Array.from({ length: 55 }, newcomer)))
      await act(requester, 'follow', owner);
    await setLocked(owner, false);
    await setLocked(owner, true);
    while (await authorizeBatches(deps));
    expect(await profileOf(owner)).toMatchObject({ followers_count: 50 });
    expect(await pendingOf(owner)).toHaveLength(5);
  });
});

describe('a follow request', () => {
  test('is authorized once, also by concurrent answers', async () => {
    const [me, owner] = [await newcomer(), await lockedMember()];
    await act(me, 'follow', owner);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => answerRequest(owner, me, 'authorize')),
    );
    expect(answers.map(statusOf)).toEqual(Array(10).fill(204));
    expect(await profileOf(owner)).toMatchObject({ followers_count: 1 });
    expect(await profileOf(me)).toMatchObject({ followees_count: 1 });
    expect(await followedEvents(owner)).toBe(1);
    expect(await pendingOf(owner)).toEqual([]);
    expect(statusOf(await act(me, 'follow', owner))).toBe(204);
  });

  test('is rejected without a follow, and may be made again', async () => {
    const [me, owner] = [await newcomer(), await lockedMember()];
    await act(me, 'follow', owner);
    for (let round = 0; round < 2; round++)
      expect(statusOf(await answerRequest(owner, me, 'reject'))).toBe(204);
    expect(await pendingOf(owner)).toEqual([]);
    const late = await answerRequest(owner, me, 'authorize');
    expect([late.status, late.body.code]).toEqual([404, 'user.follow-request-not-found']);
    expect(await followedEvents(owner)).toBe(0);
    expect(statusOf(await act(me, 'follow', owner))).toBe(202);
  });

  test('is withdrawn by unfollowing, and removed by a block in either direction', async () => {
    const [me, owner] = [await newcomer(), await lockedMember()];
    await act(me, 'follow', owner);
    expect(statusOf(await act(me, 'unfollow', owner))).toBe(204);
    expect(await pendingOf(owner)).toEqual([]);
    for (const [blocker, blocked] of [
      [owner, me],
      [me, owner],
    ] as const) {
      await act(me, 'follow', owner);
      expect(statusOf(await act(blocker, 'block', blocked))).toBe(204);
      expect(await pendingOf(owner)).toEqual([]);
      expect((await answerRequest(owner, me, 'authorize')).status).toBe(404);
      expect((await act(me, 'follow', owner)).body.code).toBe('user.blocked');
      await act(blocker, 'unblock', blocked);
    }
    expect((await messagesNamed('user.unfollowed')).some((row) => row.aggregateId.endsWith(owner.id))).toBe(
      false,
    );
  });

  test('counts against the limit of follows until it is answered', async () => {
    const me = await newcomer();
    const [one, two, three] = [await lockedMember(), await lockedMember(), await newcomer()];
    const rules = [{ condition: { username: me.username }, force: 2 }];
    flags.replace({ features: { 'follow-limit': { defaultValue: 100, rules } } });
    try {
      expect([statusOf(await act(me, 'follow', one)), statusOf(await act(me, 'follow', two))]).toEqual([
        202, 202,
      ]);
      expect((await act(me, 'follow', three)).body.code).toBe('user.follow-limit');
      expect(statusOf(await act(me, 'follow', one))).toBe(202);
      await answerRequest(one, me, 'authorize');
      expect((await act(me, 'follow', three)).body.code).toBe('user.follow-limit');
      await answerRequest(two, me, 'reject');
      expect(statusOf(await act(me, 'follow', three))).toBe(204);
    } finally {
      flags.replace({ features: {} });
    }
  });

  test('for the own profile, a stranger or nobody cannot be answered', async () => {
    const [me, owner] = [await newcomer(), await lockedMember()];
    expect(statusOf(await answerRequest(owner, owner, 'authorize'))).toBe(422);
    expect(statusOf(await answerRequest(owner, me, 'authorize'))).toBe(404);
    const nobody = { ...me, username: 'no_such_person' };
    expect(statusOf(await answerRequest(owner, nobody, 'reject'))).toBe(404);
    // A request to somebody else.
    await act(me, 'follow', owner);
    expect(statusOf(await answerRequest(await lockedMember(), me, 'authorize'))).toBe(404);
    expect(await pendingOf(owner)).toEqual([me.username]);
  });

  test('is listed newest first in pages', async () => {
    const owner = await lockedMember();
    const requesters = [await newcomer(), await newcomer(), await newcomer()];
    for (const requester of requesters) await act(requester, 'follow', owner);
    const [first, second, third] = requesters.map(({ username }) => username);
    const page = await call('GET', '/users/me/follow-requests?limit=2', owner);
    expect(page.body.items).toMatchObject([{ username: third }, { username: second }]);
    const next = await call('GET', `/users/me/follow-requests?cursor=${page.body.next_cursor}`, owner);
    expect([next.body.items, next.body.next_cursor]).toMatchObject([[{ username: first }], null]);
  });

  test('is exported by both users, and erased with either', async () => {
    const [me, owner, other] = [await newcomer(), await lockedMember(), await newcomer()];
    for (const requester of [me, other]) await act(requester, 'follow', owner);
    expect((await call('GET', '/users/me/export', me)).body).toMatchObject({
      follow_requests_sent: [owner.username],
      follow_requests_received: [],
    });
    expect((await call('GET', '/users/me/export', owner)).body).toMatchObject({
      follow_requests_sent: [],
      follow_requests_received: [me.username, other.username],
    });
    await call('DELETE', '/users/me', me);
    expect(await pendingOf(owner)).toEqual([other.username]);
    await call('DELETE', '/users/me', owner);
    const rows = await database.select().from(followRequests);
    expect(rows.filter((row) => [row.followerId, row.followeeId].includes(owner.id))).toEqual([]);
  });
});

test('profiles of the version before are unlocked after the migration', async () => {
  const old = await oldDatabase('users', '0004_graphemes');
  try {
    await old.database.execute(
      sql`insert into users (id, username, email, display_name) values (unhex(repeat('0a', 16)), 'old', 'old@example.com', 'Old')`,
    );
    await old.migrate();
    expect(await old.database.select().from(users)).toMatchObject([{ username: 'old', locked: false }]);
  } finally {
    await old.drop();
  }
});
