import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import type { Answered } from '../../../tests/support/call';
import { startPeople } from '../../../tests/support/people';
import { users } from '../schema';
import { findRelationship } from './store';

const { call, close, database, flags, join, messagesNamed } = await startPeople();

afterAll(close);

const usernames = (answer: Answered) =>
  (answer.body.items as { username: string }[]).map((item) => item.username);

describe('following', () => {
  test('is idempotent, also for concurrent requests', async () => {
    const me = await join('follower');
    const { id } = await join('followed');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call('POST', '/users/follow/followed', me)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(204));
    expect((await call('GET', '/users/followed')).body).toMatchObject({ followers_count: 1 });
    expect((await call('GET', '/users/follower')).body).toMatchObject({ followees_count: 1 });
    const published = (await messagesNamed('user.followed')).filter((row) => row.aggregateId.endsWith(id));
    expect(published).toHaveLength(1);
  });

  test('two users who follow each other concurrently do not deadlock', async () => {
    const [one, other] = [await join('mutual_a'), await join('mutual_b')];
    for (let round = 0; round < 10; round++) {
      await Promise.all([
        call('POST', '/users/follow/mutual_b', one),
        call('POST', '/users/follow/mutual_a', other),
      ]);
      await Promise.all([
        call('POST', '/users/unfollow/mutual_b', one),
        call('POST', '/users/unfollow/mutual_a', other),
      ]);
    }
    expect((await call('GET', '/users/mutual_a')).body).toMatchObject({
      followers_count: 0,
      followees_count: 0,
    });
  });

  test('is limited by the flag follow-limit, which may differ by user; repeating a follow succeeds', async () => {
    const me = await join('limited');
    for (const name of ['limit_a', 'limit_b', 'limit_c']) await join(name);
    const rules = [{ condition: { username: 'limited' }, force: 2 }];
    flags.replace({ features: { 'follow-limit': { defaultValue: 0, rules } } });
    const follow = (name: string) => call('POST', `/users/follow/${name}`, me);
    expect((await follow('limit_a')).status).toBe(204);
    expect((await follow('limit_b')).status).toBe(204);
    const beyond = await follow('limit_c');
    expect([beyond.status, beyond.body.code]).toEqual([403, 'user.follow-limit']);
    expect((await follow('limit_b')).status).toBe(204);
    flags.replace({ features: {} });
    expect((await follow('limit_c')).status).toBe(204);
  });

  test('is reported in both directions, together with blocks and mutes', async () => {
    const near = await join('near_one');
    const far = await join('far_one');
    const between = () => findRelationship(database, near.id, far.id);
    const nothing = {
      blockedByOne: false,
      blockedByOther: false,
      mutedByOne: false,
      oneFollowsOther: false,
      otherFollowsOne: false,
      oneRequestedOther: false,
      otherRequestedOne: false,
    };
    expect(await between()).toEqual(nothing);
    await call('POST', '/users/follow/far_one', near);
    await call('POST', '/users/mute/far_one', near);
    expect(await between()).toEqual({ ...nothing, oneFollowsOther: true, mutedByOne: true });
    await call('POST', '/users/unmute/far_one', near);
    await call('POST', '/users/follow/near_one', far);
    expect(await between()).toEqual({ ...nothing, oneFollowsOther: true, otherFollowsOne: true });
    await call('POST', '/users/block/far_one', near);
    expect(await between()).toEqual({ ...nothing, blockedByOne: true });
    expect(await findRelationship(database, far.id, near.id)).toEqual({ ...nothing, blockedByOther: true });
  });

  test('is rejected for the own account, for an unknown user, and across a block', async () => {
    const me = await join('rejected');
    const other = await join('blocker');
    await call('POST', '/users/follow/blocker', me);
    await call('POST', '/users/block/rejected', other);
    expect((await call('GET', '/users/blocker')).body).toMatchObject({ followers_count: 0 });
    expect((await call('POST', '/users/follow/rejected', me)).status).toBe(422);
    expect((await call('POST', '/users/follow/no_such_person', me)).status).toBe(404);
    expect((await call('POST', '/users/follow/blocker', me)).body.code).toBe('user.blocked');
    await call('POST', '/users/unblock/rejected', other);
    expect((await call('POST', '/users/follow/blocker', me)).status).toBe(204);
  });

  test('is listed newest first in pages without gaps or duplicates while follows are added', async () => {
    const me = await join('lister');
    const names = Array.from({ length: 7 }, (_, index) => `listed_${index}`);
    for (const name of names) {
      await join(name);
      await call('POST', `/users/follow/${name}`, me);
    }
    const first = await call('GET', '/users/lister/followees?limit=3');
    expect(usernames(first)).toEqual(['listed_6', 'listed_5', 'listed_4']);
    expect(first.headers.get('link')).toContain('rel="next"');
    await join('late');
    await call('POST', '/users/follow/late', me);
    const second = await call('GET', `/users/lister/followees?limit=100&cursor=${first.body.next_cursor}`);
    expect(usernames(second)).toEqual(['listed_3', 'listed_2', 'listed_1', 'listed_0']);
    expect(second.body.next_cursor).toBeNull();
    expect(usernames(await call('GET', '/users/listed_0/followers'))).toEqual(['lister']);
  });

  test('is listed without deactivated people', async () => {
    const [star, gone, fan] = [
      await join('listed_star'),
      await join('listed_gone'),
      await join('listed_fan'),
    ];
    for (const one of [gone, fan]) await call('POST', '/users/follow/listed_star', one);
    await call('POST', '/users/follow/listed_gone', star);
    await database.update(users).set({ active: false }).where(eq(users.id, gone.id));
    expect(usernames(await call('GET', '/users/listed_star/followers'))).toEqual(['listed_fan']);
    expect(usernames(await call('GET', '/users/listed_star/followees'))).toEqual([]);
  });

  test.each([
    '?limit=0',
    '?limit=101',
    '?limit=many',
    '?cursor=rubbish',
    '?cursor=W10',
    `?cursor=${'x'.repeat(600)}`,
  ])('a list rejects %s', async (query) => {
    await join('paged').catch(() => undefined);
    const { status, body } = await call('GET', `/users/paged/followees${query}`);
    expect(status).toBe(query.includes('cursor') ? 400 : 422);
    expect(String(body.code)).toStartWith('request.');
  });
});
