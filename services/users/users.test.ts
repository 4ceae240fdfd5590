import { afterAll, describe, expect, test } from 'bun:test';
import { routeClaims } from '#kit/http/route-claims';
import { outbox as outboxTable } from '#kit/messaging/tables';
import type { Answered } from '../../tests/support/call';
import { startPeople } from '../../tests/support/people';
import { findRelationship } from './relationships/store';

const { app, call, close, database, flags, join, messagesNamed, tokens } = await startPeople();

afterAll(close);

const usernames = (answer: Answered) =>
  (answer.body.items as { username: string }[]).map((item) => item.username);

describe('registering', () => {
  test('makes a person whose name is known without case, and says so to others', async () => {
    const { status, body, headers } = await call('POST', '/register', {
      body: { username: 'Ada_L', email: 'Ada@Example.com', password: 'a long password', display_name: 'Ada' },
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe('/users/ada_l');
    expect(body).toMatchObject({ username: 'ada_l', email: 'ada@example.com', display_name: 'Ada' });
    expect((await call('GET', '/users/ADA_L')).body).toMatchObject({ id: body.id, followers_count: 0 });
    const created = (await messagesNamed('user.created')).map((row) => JSON.parse(row.payload).data);
    expect(created).toContainEqual(expect.objectContaining({ id: body.id, username: 'ada_l' }));
  });

  test('sends the credentials to auth sealed: neither password nor hash can be read in the outbox', async () => {
    await join('sealed');
    for (const row of await database.select().from(outboxTable)) {
      expect(row.payload).not.toContain('a long password');
      expect(row.payload).not.toContain('argon2id');
    }
    expect((await messagesNamed('auth.credentials-set')).every((row) => row.erasePayload)).toBe(true);
  });

  test('answers 409 for a taken name or address, in any case, and writes nothing', async () => {
    await join('taken');
    const before = (await messagesNamed('user.created')).length;
    const name = await call('POST', '/register', {
      body: { username: 'TAKEN', email: 'other@example.com', password: 'a long password' },
    });
    const address = await call('POST', '/register', {
      body: { username: 'other', email: 'TAKEN@example.com', password: 'a long password' },
    });
    expect([name.status, name.body.code]).toEqual([409, 'user.username-taken']);
    expect([address.status, address.body.code]).toEqual([409, 'user.email-taken']);
    expect((await messagesNamed('user.created')).length).toBe(before);
  });

  test('one of fifty simultaneous registrations of one name wins', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        call('POST', '/register', {
          body: { username: 'popular_name', email: `p${index}@example.com`, password: 'a long password' },
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
  });

  test.each([
    ['a short name', { username: 'ab' }, 'username'],
    ['a name with other characters', { username: 'a b c' }, 'username'],
    ['an address that is none', { email: 'nobody' }, 'email'],
    ['an address with a line break', { email: 'a@example.com\r\nBcc: b@example.com' }, 'email'],
    ['a short password', { password: 'x9Kq2' }, 'password'],
    ['an endless password', { password: 'x9Kq2'.repeat(100) }, 'password'],
    ['a number for a name', { username: 12345678 }, 'username'],
    ['a date that is none', { date_of_birth: '1990-13-01' }, 'date_of_birth'],
  ])('refuses %s, names the field and repeats nothing of it', async (_what, change, field) => {
    const sent = {
      username: 'valid_name',
      email: 'valid@example.com',
      password: 'a long password',
      ...change,
    };
    const { status, body, headers } = await call('POST', '/register', { body: sent });
    expect(status).toBe(422);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body.errors).toContainEqual(expect.objectContaining({ field }));
    // A request id may hold any two letters by chance.
    const said = JSON.stringify({ ...body, request_id: '' });
    for (const value of Object.values(sent)) expect(said).not.toContain(String(value));
  });

  test('refuses a reserved name', async () => {
    const { status, body } = await call('POST', '/register', {
      body: { username: 'Me', email: 'me@example.com', password: 'a long password' },
    });
    expect(status).toBe(422);
    expect(body.errors ?? body.code).toBeDefined();
  });
});

describe('the flag registration-open', () => {
  test('closes and opens registration while the service runs; operators may still register people', async () => {
    const body = { username: 'late_comer', email: 'late_comer@example.com', password: 'a long password' };
    flags.replace({ features: { 'registration-open': { defaultValue: false } } });
    const refused = await call('POST', '/register', { body });
    expect([refused.status, refused.body.code]).toEqual([403, 'registration.closed']);
    const authorization = await tokens.authorization(
      { id: '01a1f84b-34c3-730b-b83a-6fad97ec6164', username: 'door_keeper' },
      ['users:manage'],
    );
    expect((await call('POST', '/users', { authorization, body })).status).toBe(201);
    flags.replace({ features: { 'registration-open': { defaultValue: true } } });
    await join('early_bird');
  });
});

describe('a profile', () => {
  test('is not sent again to who already holds it', async () => {
    await join('cached');
    const first = await call('GET', '/users/cached');
    const again = await call('GET', '/users/cached', {
      headers: { 'if-none-match': String(first.headers.get('etag')) },
    });
    expect(again.status).toBe(304);
  });

  test('shows nothing private', async () => {
    await join('private');
    const { body } = await call('GET', '/users/private');
    expect(Object.keys(body).sort()).toEqual(
      [
        'avatar_url',
        'bio',
        'created_at',
        'display_name',
        'followees_count',
        'followers_count',
        'id',
        'posts_count',
        'username',
      ].sort(),
    );
  });

  test('is changed by its owner, keeps what is left out, and tells others', async () => {
    const me = await join('changing');
    await call('PATCH', '/users/me', { ...me, body: { bio: 'I change' } });
    const { status, body } = await call('PUT', '/users/me', { ...me, body: { display_name: 'Changed' } });
    expect(status).toBe(200);
    expect(body).toMatchObject({ display_name: 'Changed', bio: 'I change' });
    const versions = (await messagesNamed('user.updated'))
      .map((row) => JSON.parse(row.payload).data)
      .filter((data) => data.id === me.id)
      .map((data) => data.version);
    expect(versions).toEqual([2, 3]);
  });

  test('is gone after erasing, with its follows and the counts of others', async () => {
    const [leaver, stayer] = [await join('leaver'), await join('stayer')];
    await call('POST', '/users/follow/stayer', leaver);
    await call('POST', '/users/follow/leaver', stayer);
    expect((await call('DELETE', '/users/me', leaver)).status).toBe(204);
    expect((await call('GET', '/users/leaver')).status).toBe(404);
    expect((await call('GET', '/users/stayer')).body).toMatchObject({
      followers_count: 0,
      followees_count: 0,
    });
    expect((await messagesNamed('user.deleted')).map((row) => row.aggregateId)).toContain(leaver.id);
  });

  test('and everything else about a person can be taken along', async () => {
    const me = await join('exporter');
    await join('exported');
    await call('POST', '/users/follow/exported', me);
    const { body } = await call('GET', '/users/me/export', me);
    expect(body).toMatchObject({
      followees: ['exported'],
      roles: ['user'],
      notifications: [{ id: '2' }, { id: '1' }],
      notification_settings: { like: 'mail' },
    });
  });
});

describe('following', () => {
  test('counts once however often it is asked for, also at the same time', async () => {
    const me = await join('follower');
    const { id } = await join('followed');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call('POST', '/users/follow/followed', me)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(204));
    expect((await call('GET', '/users/followed')).body).toMatchObject({ followers_count: 1 });
    expect((await call('GET', '/users/follower')).body).toMatchObject({ followees_count: 1 });
    const told = (await messagesNamed('user.followed')).filter((row) => row.aggregateId.endsWith(id));
    expect(told).toHaveLength(1);
  });

  test('two people who follow each other at the same time do not block each other', async () => {
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

  test('ends at the flag follow-limit, which may differ from person to person, and again is no failure', async () => {
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

  test('is known of any two people, each way, together with what they have decided', async () => {
    const near = await join('near_one');
    const far = await join('far_one');
    const between = () => findRelationship(database, near.id, far.id);
    const nothing = {
      blockedByOne: false,
      blockedByOther: false,
      mutedByOne: false,
      oneFollowsOther: false,
      otherFollowsOne: false,
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

  test('is refused for oneself, for nobody, and across a block', async () => {
    const me = await join('refused');
    const other = await join('blocker');
    await call('POST', '/users/follow/blocker', me);
    await call('POST', '/users/block/refused', other);
    expect((await call('GET', '/users/blocker')).body).toMatchObject({ followers_count: 0 });
    expect((await call('POST', '/users/follow/refused', me)).status).toBe(422);
    expect((await call('POST', '/users/follow/no_such_person', me)).status).toBe(404);
    expect((await call('POST', '/users/follow/blocker', me)).body.code).toBe('user.blocked');
    await call('POST', '/users/unblock/refused', other);
    expect((await call('POST', '/users/follow/blocker', me)).status).toBe(204);
  });

  test('is listed newest first, page by page, without gap or double while others arrive', async () => {
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

  test.each([
    '?limit=0',
    '?limit=101',
    '?limit=many',
    '?cursor=rubbish',
    '?cursor=W10',
    `?cursor=${'x'.repeat(600)}`,
  ])('a list refuses %s', async (query) => {
    await join('paged').catch(() => undefined);
    const { status, body } = await call('GET', `/users/paged/followees${query}`);
    expect(status).toBe(422);
    expect(String(body.code)).toStartWith('request.');
  });
});

describe('operators', () => {
  test('find, change and erase people; others may not', async () => {
    const { id } = await join('managed');
    const someone = await join('someone');
    const authorization = await tokens.authorization({ id: someone.id, username: 'someone' }, [
      'users:manage',
    ]);
    expect((await call('GET', '/users?query=man', someone)).status).toBe(403);
    expect(usernames(await call('GET', '/users?query=man', { authorization }))).toEqual(['managed']);
    expect(
      (await call('PATCH', `/users/id/${id}`, { authorization, body: { active: false } })).body.active,
    ).toBe(false);
    expect((await call('GET', '/users/managed')).status).toBe(404);
    expect((await call('DELETE', `/users/id/${id}`, { authorization })).status).toBe(204);
    expect((await call('DELETE', `/users/id/${id}`, { authorization })).status).toBe(404);
  });
});

test('signing in with auth away is answered as such, not as a wrong password', async () => {
  const { status, headers } = await call('POST', '/login', {
    body: { username: 'ada_l', password: 'a long password' },
  });
  expect(status).toBe(503);
  expect(headers.get('retry-after')).not.toBeNull();
});

test('GET /features answers the flags as they are for whoever asks', async () => {
  const me = await join('flagged');
  const rules = [{ condition: { id: me.id }, force: true }];
  flags.replace({ features: { 'new-look': { defaultValue: false, rules } } });
  expect((await call('GET', '/features')).body).toEqual({ features: { 'new-look': false } });
  expect((await call('GET', '/features', me)).body).toEqual({ features: { 'new-look': true } });
  expect((await call('GET', '/features', { authorization: 'Bearer rubbish' })).status).toBe(401);
  flags.replace({ features: {} });
});

test('every route says who may call it, and holds to it', async () => {
  for (const { method, path, auth: rule } of routeClaims(app)) {
    if (rule === 'public' || rule === 'optional') continue;
    const concrete = path.replaceAll(/:\w+/g, 'anything');
    expect([method, path, (await call(method, concrete, { body: {} })).status]).toEqual([method, path, 401]);
    if (rule === 'user') continue;
    const stranger = await tokens.authorization({
      id: '01a1f84b-34c3-730b-b83a-6fad97ec6164',
      username: 'x',
    });
    const refused = await call(method, concrete, {
      body: method === 'GET' ? undefined : {},
      authorization: stranger,
    });
    expect([method, path, refused.status]).toEqual([method, path, 403]);
  }
});
