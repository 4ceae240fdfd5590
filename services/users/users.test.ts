import { afterAll, describe, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { routeClaims } from '#kit/http/route-claims';
import { outbox as outboxTable } from '#kit/messaging/tables';
import { startPeople } from '../../tests/support/people';

const { app, call, close, database, flags, join, messagesNamed, tokens } = await startPeople();

afterAll(close);

describe('registration', () => {
  test('creates a user with a case-insensitive username and publishes the user', async () => {
    const { status, body, headers } = await call('POST', '/register', {
      body: { username: 'Ada_L', email: 'Ada@Example.com', password: 'a long password', display_name: 'Ada' },
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe('/users/ada_l');
    expect(body).toMatchObject({ username: 'ada_l', email: 'Ada@Example.com', display_name: 'Ada' });
    expect((await call('GET', '/users/ADA_L')).body).toMatchObject({ id: body.id, followers_count: 0 });
    const created = (await messagesNamed('user.created')).map((row) => JSON.parse(row.payload).data);
    expect(created).toContainEqual(expect.objectContaining({ id: body.id, username: 'ada_l' }));
  });

  test('encrypts the credentials for auth: the outbox contains neither the password nor its hash', async () => {
    await join('sealed');
    for (const row of await database.select().from(outboxTable)) {
      expect(row.payload).not.toContain('a long password');
      expect(row.payload).not.toContain('argon2id');
    }
  });

  test('returns 409 for an existing username or email address in any case, and writes nothing', async () => {
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

  test('exactly one of fifty concurrent registrations of a username succeeds', async () => {
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
    ['a short username', { username: 'ab' }, 'username'],
    ['a username with other characters', { username: 'a b c' }, 'username'],
    ['an invalid email address', { email: 'nobody' }, 'email'],
    ['an email address with a line break', { email: 'a@example.com\r\nBcc: b@example.com' }, 'email'],
    ['a short password', { password: 'x9Kq2' }, 'password'],
    ['an overlong password', { password: 'x9Kq2'.repeat(100) }, 'password'],
    ['a number as username', { username: 12345678 }, 'username'],
    ['an invalid date', { date_of_birth: '1990-13-01' }, 'date_of_birth'],
  ])('rejects %s, names the field and never echoes the input', async (_what, change, field) => {
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
    // A random request id may contain any two letters.
    const response = JSON.stringify({ ...body, request_id: '' });
    for (const value of Object.values(sent)) expect(response).not.toContain(String(value));
  });

  test('rejects a reserved username and what looks like one; an administrator may create it', async () => {
    const account = (username: string) => ({
      body: { username, email: `${username}@example.com`, password: 'a long password' },
    });
    for (const username of ['Security', 'sup_p0rt', 'search']) {
      const { status, body } = await call('POST', '/register', account(username));
      expect([username, status, body.code]).toEqual([username, 422, 'user.username-reserved']);
    }
    const authorization = await tokens.authorization({ id: uuidv7(), username: 'boss' }, ['admin:auth']);
    const created = await call('POST', '/admin/auth', { authorization, ...account('security') });
    expect(created.status).toBe(201);
  });
});

describe('the flag registration-open', () => {
  test('closes and reopens registration at runtime; operators can register users at any time', async () => {
    const body = { username: 'late_comer', email: 'late_comer@example.com', password: 'a long password' };
    flags.replace({ features: { 'registration-open': { defaultValue: false } } });
    const rejected = await call('POST', '/register', { body });
    expect([rejected.status, rejected.body.code]).toEqual([403, 'registration.closed']);
    const authorization = await tokens.authorization({ id: uuidv7(), username: 'operator' }, [
      'users:manage',
    ]);
    expect((await call('POST', '/users', { authorization, body })).status).toBe(201);
    flags.replace({ features: { 'registration-open': { defaultValue: true } } });
    await join('early_bird');
  });
});

describe('a profile', () => {
  test('is answered with 304 if the client has the current version', async () => {
    await join('cached');
    const first = await call('GET', '/users/cached');
    const again = await call('GET', '/users/cached', {
      headers: { 'if-none-match': String(first.headers.get('etag')) },
    });
    expect(again.status).toBe(304);
  });

  test('contains no private fields', async () => {
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
        'locked',
        'posts_count',
        'username',
      ].sort(),
    );
  });

  test('is updated by its owner, keeps omitted fields, and publishes each change', async () => {
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

  test('is shown to an app with its scope, the email address with another one, and nothing else to reach its owner by', async () => {
    const me = await join('allowing');
    const reach = { phone_number: '+41791234567', date_of_birth: '1990-02-28' };
    expect((await call('PATCH', '/users/me', { ...me, body: { ...reach, bio: 'I allow' } })).status).toBe(
      200,
    );
    const asApp = async (...scopes: string[]) => ({
      authorization: await tokens.authorization(me, [], { app: { id: 'app', scopes } }),
    });
    const hidden = { phone_number: null, date_of_birth: null, bio: 'I allow' };
    expect((await call('GET', '/users/me', await asApp('read'))).body).toMatchObject({
      ...hidden,
      email: '',
    });
    const withEmail = await asApp('read:accounts', 'write:accounts', 'email');
    const shown = { ...hidden, email: 'allowing@example.com' };
    expect((await call('GET', '/users/me', withEmail)).body).toMatchObject(shown);
    const changed = await call('PATCH', '/users/me', { ...(await asApp('write:accounts')), body: {} });
    expect(changed.body).toMatchObject({ ...hidden, email: '' });
    expect((await call('PATCH', '/users/me', { ...(await asApp('read')), body: {} })).status).toBe(403);
    expect((await call('GET', '/users/me', me)).body).toMatchObject(reach);
  });

  test('is deleted together with its follows, which lowers the counts of other users', async () => {
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

  test('is exported together with all other data of the user', async () => {
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

test('signing in while auth is unavailable returns 503, not a wrong password', async () => {
  const { status, headers } = await call('POST', '/login', {
    body: { username: 'ada_l', password: 'a long password' },
  });
  expect(status).toBe(503);
  expect(headers.get('retry-after')).not.toBeNull();
});

test('GET /features evaluates the flags for the caller', async () => {
  const me = await join('flagged');
  const rules = [{ condition: { id: me.id }, force: true }];
  flags.replace({ features: { 'new-look': { defaultValue: false, rules } } });
  expect((await call('GET', '/features')).body).toEqual({ features: { 'new-look': false } });
  expect((await call('GET', '/features', me)).body).toEqual({ features: { 'new-look': true } });
  expect((await call('GET', '/features', { authorization: 'Bearer rubbish' })).status).toBe(401);
  flags.replace({ features: {} });
});

test('every route declares and enforces its access rule', async () => {
  for (const { method, path, auth: rule } of routeClaims(app)) {
    if (rule === 'public' || rule === 'optional') continue;
    const concrete = path.replaceAll(/:\w+/g, 'anything');
    expect([method, path, (await call(method, concrete, { body: {} })).status]).toEqual([method, path, 401]);
    if (rule === 'user') continue;
    const stranger = await tokens.authorization({ id: uuidv7(), username: 'x' });
    const rejected = await call(method, concrete, {
      body: method === 'GET' ? undefined : {},
      authorization: stranger,
    });
    expect([method, path, rejected.status]).toEqual([method, path, 403]);
  }
});
