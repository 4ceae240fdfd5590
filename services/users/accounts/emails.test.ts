import { afterAll, describe, expect, test } from 'bun:test';
import { asc, eq, sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import type { Database } from '#kit/mysql/database';
import { oldDatabase } from '../../../tests/support/old-database';
import { startPeople } from '../../../tests/support/people';
import { testRuntime } from '../../../tests/support/servers';
import { ensureAdministrator } from '../bootstrap';
import { users } from '../schema';
import { fillEmailKeys } from './email-keys';

const { call, close, database, deps, join, messagesNamed, tokens } = await startPeople();
afterAll(close);

let count = 0;
const register = (email: string) =>
  call('POST', '/register', { body: { username: `mail_${++count}`, email, password: 'a long password' } });

describe('an email address', () => {
  test.each([
    ['user@münchen.de', 'user@xn--mnchen-3ya.de'],
    ['zwei@xn--mnchen-3ya.de', 'zwei@MÜNCHEN.de'],
    ['用户@例え.テスト', '用户@xn--r8jz45g.xn--zckzah'],
    ['Grüße@example.com', 'grüße@example.com'.normalize('NFD')],
    ['Jo.Se+tag@Example.COM', 'JO.SE+TAG@example.com'],
    ["o'brien@example.com", "O'Brien@example.com"],
  ])('%s is stored as typed and is the address %s', async (typed, other) => {
    const first = await register(typed);
    expect([first.status, first.body.email]).toEqual([201, typed]);
    const second = await register(other);
    expect([second.status, second.body.code]).toEqual([409, 'user.email-taken']);
    const sent = (await messagesNamed('auth.credentials-set')).map((row) => JSON.parse(row.payload).data);
    expect(sent.at(-1)).toMatchObject({ user_id: first.body.id, email: typed });
  });

  test.each([
    ['jose@example.com', 'josé@example.com'],
    ['か@example.com', 'が@example.com'],
    ['strasse@example.com', 'straße@example.com'],
    ['a@strasse.de', 'a@straße.de'],
  ])('%s and %s belong to two users', async (one, other) => {
    expect((await register(one)).status).toBe(201);
    expect((await register(other)).status).toBe(201);
  });

  test.each([
    ['two dots in a row', 'jo..se@example.com'],
    ['a dot at the end of the local part', 'jose.@example.com'],
    ['an invisible character', 'jo\u200bse@example.com'],
    ['a soft hyphen in the domain', 'jose@exam\u00adple.com'],
    ['a direction override', 'a\u202eb@example.com'],
    ['an IP address', 'jose@127.0.0.1'],
    ['a domain without a dot', 'jose@localhost'],
    ['an invalid Punycode label', 'jose@xn--a.com'],
  ])('with %s is refused, at registration and by operators', async (_what, email) => {
    const registered = await register(email);
    expect([registered.status, registered.body.errors]).toMatchObject([422, [{ field: 'email' }]]);
    const boss = { id: uuidv7(), username: 'boss' };
    const authorization = await tokens.authorization(boss, ['admin:auth', 'users:manage']);
    const body = { username: 'by_operator', email, password: 'a long password' };
    for (const path of ['/users', '/admin/auth'])
      expect((await call('POST', path, { authorization, body })).status).toBe(422);
    const path = `/admin/auth/${uuidv7()}`;
    expect((await call('PUT', path, { authorization, body: { email } })).status).toBe(422);
    const first = { username: 'first_admin', email, password: 'a long password' };
    await expect(ensureAdministrator(deps, first)).rejects.toThrow('ADMIN_EMAIL');
    const common = { username: 'first_admin', email: 'chief@example.com', password: 'administrator' };
    await expect(ensureAdministrator(deps, common)).rejects.toThrow('ADMIN_PASSWORD');
  });

  test('is changed by an operator by the same rule', async () => {
    await register('owner@bücher.example');
    const { id } = await join('moving');
    const authorization = await tokens.authorization({ id: uuidv7(), username: 'boss' }, ['admin:auth']);
    const move = (email: string) => call('PUT', `/admin/auth/${id}`, { authorization, body: { email } });
    expect((await move('OWNER@xn--bcher-kva.example')).body.code).toBe('user.email-taken');
    expect((await move('Möve@Bücher.example')).body.email).toBe('Möve@Bücher.example');
    const [row] = await database.select().from(users).where(eq(users.id, id));
    expect(row).toMatchObject({ email: 'Möve@Bücher.example', emailKey: 'möve@xn--bcher-kva.example' });
    const sent = (await messagesNamed('auth.email-set')).map((message) => JSON.parse(message.payload).data);
    expect(sent.at(-1)).toMatchObject({ user_id: id, email: 'Möve@Bücher.example' });
    const query = encodeURIComponent('MÖVE@xn--bcher-kva.example');
    const found = await call('GET', `/admin/auth?query=${query}`, { authorization });
    expect(found.body.items).toMatchObject([{ user_id: id }]);
  });

  test('of the first administrator may be internationalized, and the username reserved', async () => {
    const first = { username: 'admin', email: 'Chefin@Bücher.example', password: 'a long password' };
    await ensureAdministrator(deps, first);
    const [row] = await database.select().from(users).where(eq(users.username, 'admin'));
    expect(row?.emailKey).toBe('chefin@xn--bcher-kva.example');
  });
});

describe('a username', () => {
  test('is found by nothing but its own letters', async () => {
    await join('jose_k');
    for (const other of ['josé_k', 'ｊｏｓｅ_ｋ', 'jose_\u212a', 'jo\u017fe_k'])
      expect([other, (await call('GET', `/users/${encodeURIComponent(other)}`)).status]).toEqual([
        other,
        404,
      ]);
    expect((await call('GET', '/users/JOSE_K')).status).toBe(200);
  });

  test('is refused where a letter only looks like one of a reserved or taken name', async () => {
    for (const username of ['\u212aey_holder', 'ſupport', 'ｍe_too', 'jose\u0301'])
      expect(
        (
          await call('POST', '/register', {
            body: { username, email: 'x@example.com', password: 'a long password' },
          })
        ).status,
      ).toBe(422);
    for (const username of ['Support', 'MODERATOR'])
      expect(
        (
          await call('POST', '/register', {
            body: { username, email: 'x@example.com', password: 'a long password' },
          })
        ).body.code,
      ).toBe('user.username-reserved');
  });

  test('is searched by operators in any case', async () => {
    await join('searchable');
    const authorization = await tokens.authorization({ id: uuidv7(), username: 'boss' }, ['users:manage']);
    const { body } = await call('GET', '/users?query=SEARCHA', { authorization });
    expect(body.items).toMatchObject([{ username: 'searchable' }]);
  });
});

describe('the database of the version before', () => {
  test('keeps its addresses and usernames; the keys are derived, whatever was accepted then', async () => {
    const old = await oldDatabase('users', '0002_audit-log-stays');
    try {
      const addresses = ['ada@example.com', 'grüße@example.com', 'jo..se@example.com', 'ZoË@example.com'];
      for (const [index, email] of addresses.entries()) await insertOld(old.database, `old_${index}`, email);
      await old.migrate();
      const runtime = testRuntime('users');
      await fillEmailKeys({ runtime, database: old.database });
      await fillEmailKeys({ runtime, database: old.database });
      const rows = await old.database.select().from(users).orderBy(asc(users.username));
      expect(
        rows.map(({ username, email, emailKey, version }) => [username, email, emailKey, version]),
      ).toEqual([
        ['old_0', 'ada@example.com', 'ada@example.com', 1],
        ['old_1', 'grüße@example.com', 'grüße@example.com', 1],
        ['old_2', 'jo..se@example.com', 'jo..se@example.com', 1],
        ['old_3', 'ZoË@example.com', 'zoë@example.com', 1],
      ]);
    } finally {
      await old.drop();
    }
  });

  test('is migrated although two users turn out to have one address: the older keeps it', async () => {
    const { database, migrate, drop } = await oldDatabase('users', '0002_audit-log-stays');
    try {
      await migrate();
      const runtime = testRuntime('users');
      for (const [username, email] of [
        ['older', 'ö@bücher.example'],
        ['newer', 'Ö@xn--bcher-kva.example'],
      ] as const)
        await database.insert(users).values({ id: uuidv7(), username, email, displayName: username });
      await fillEmailKeys({ runtime, database });
      const rows = await database.select().from(users).orderBy(asc(users.id));
      expect(rows.map(({ username, emailKey }) => [username, emailKey])).toEqual([
        ['older', 'ö@xn--bcher-kva.example'],
        ['newer', null],
      ]);
    } finally {
      await drop();
    }
  });
});

const insertOld = (database: Database, username: string, email: string) =>
  database.execute(
    sql`insert into users (id, username, email, display_name) values (${sql.param(uuidv7(), users.id)}, ${username}, ${email}, ${username})`,
  );
