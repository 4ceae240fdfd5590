import { afterAll, describe, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { oldDatabase } from '../../../tests/support/old-database';
import { startPeople } from '../../../tests/support/people';
import { roles, users } from '../schema';

const { call, close, database, join, messagesNamed, tokens } = await startPeople();
afterAll(close);

const me = await join('somebody');
const change = (body: object) => call('PATCH', '/users/me', { ...me, body });

describe('a phone number', () => {
  test.each([
    ['+49 30 123456', '+4930123456'],
    ['+1 (415) 555-2671', '+14155552671'],
    ['+44 20 7946 0958', '+442079460958'],
  ])('%s is stored as %s', async (typed, number) => {
    expect((await change({ phone_number: typed })).body.phone_number).toBe(number);
    expect((await call('GET', '/users/me', me)).body.phone_number).toBe(number);
  });

  test.each(['-----', '     ', '((((()', '+', '12345', '+999 123456789', '+49', '030 123456'])(
    '%j is refused wherever one is set',
    async (phone_number) => {
      const authorization = await tokens.authorization({ id: uuidv7(), username: 'x' }, ['users:manage']);
      const body = { username: 'phoned', email: 'phoned@example.com', password: 'a long password' };
      const answers = [
        await change({ phone_number }),
        await call('PATCH', `/users/id/${me.id}`, { authorization, body: { phone_number } }),
        await call('POST', '/register', { body: { ...body, phone_number } }),
        await call('POST', '/users', { authorization, body: { ...body, phone_number } }),
      ];
      for (const { status, body } of answers)
        expect([status, body.errors]).toMatchObject([422, [{ field: 'phone_number' }]]);
    },
  );

  test('from before is kept and shown until it is changed', async () => {
    const { id, ...signedIn } = await join('keeper');
    await database.update(users).set({ phoneNumber: '030 123456' }).where(eq(users.id, id));
    const { status, body } = await call('PATCH', '/users/me', { ...signedIn, body: { bio: 'Hello' } });
    expect([status, body.phone_number]).toEqual([200, '030 123456']);
  });
});

const FAMILY = '👨‍👩‍👧‍👦';

describe('names and texts', () => {
  test.each([
    ['only a Hangul filler', '\u3164'],
    ['only a zero-width space', '\u200b'],
    ['only an empty Braille pattern', '\u2800'],
    ['only white space', ' \u3000 '],
    ['a line break', 'Ada\nLovelace'],
    ['a line separator', 'Ada\u2028Lovelace'],
    ['a control character', 'Ada\u0000'],
    ['81 letters', 'a'.repeat(81)],
  ])('a name of %s is refused wherever one is set', async (_what, name) => {
    const authorization = await tokens.authorization({ id: uuidv7(), username: 'x' }, ['users:manage']);
    const body = { username: 'unnamed', email: 'unnamed@example.com', password: 'a long password' };
    for (const field of ['display_name', 'first_name', 'last_name'])
      for (const { status, body: answered } of [
        await change({ [field]: name }),
        await call('PATCH', `/users/id/${me.id}`, { authorization, body: { [field]: name } }),
        await call('POST', '/register', { body: { ...body, [field]: name } }),
        await call('POST', '/users', { authorization, body: { ...body, [field]: name } }),
      ])
        expect([status, answered.errors]).toMatchObject([422, [{ field }]]);
  });

  test.each([
    ['80 letters', 'a'.repeat(80)],
    ['80 emoji', '😀'.repeat(80)],
    ['80 letters with a combining accent', 'ñ'.normalize('NFD').repeat(80)],
    ['a name in another script', 'நிவேதா'],
  ])('a name of %s is stored in NFC and published', async (_what, name) => {
    const stored = name.normalize('NFC');
    const answer = await change({ display_name: name, first_name: name, last_name: name });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ display_name: stored, first_name: stored, last_name: stored });
    const events = (await messagesNamed('user.updated')).map((row) => JSON.parse(row.payload).data);
    expect(events.at(-1)).toMatchObject({ id: me.id, display_name: stored });
  });

  test('white space at the ends of a name is not part of it', async () => {
    expect((await change({ display_name: ' Ada \u3000' })).body.display_name).toBe('Ada');
  });

  test('no name is accepted that the events cannot carry', async () => {
    // Composition exclusions grow in NFC.
    const growing = '\u{1d160}'.repeat(40);
    expect((await change({ display_name: growing })).status).toBe(422);
    expect((await change({ display_name: FAMILY.repeat(80) })).status).toBe(422);
    expect((await change({ first_name: FAMILY.repeat(50) })).status).toBe(200);
  });

  test.each([
    ['500 emoji', '😀'.repeat(500), 200],
    ['300 families', FAMILY.repeat(300), 200],
    ['501 emoji', '😀'.repeat(501), 422],
    ['a letter with thousands of marks', `a${'\u0301'.repeat(5_000)}`, 422],
    ['a control character', 'a\u0007b', 422],
    ['nothing', '', 200],
    ['two lines', 'one\r\ntwo', 200],
  ])('a bio of %s', async (_what, bio, expected) => {
    const { status, body } = await change({ bio });
    expect(status).toBe(expected);
    if (expected === 200) expect(body.bio).toBe(bio.replace('\r\n', '\n'));
  });

  test.each([
    ['de', 200],
    ['zh-Hant-TW', 200],
    ['sr-Latn-RS-x-private', 200],
    ['abcdefgh-abcdefgh-abcdefgh-abcdefgh', 422],
    ['aaaaaaaa-aaaaaaa1-aaaaaaa2-aaaaaaa3-aaaaaaa4', 422],
    ['en-', 422],
    ['e', 422],
    ['en_US', 422],
    ['ｅｎ', 422],
  ])('the locale %s', async (locale, expected) => {
    expect((await change({ locale })).status).toBe(expected);
  });

  test.each([
    ['https://example.com/a.png?b=c#d', 200],
    ['http://localhost:9000/a.png', 200],
    ['https://bücher.example/ä.png', 200],
    ['https://', 422],
    ['https://example.com/\u0000', 422],
    ['https://exa\u200bmple.com/', 422],
    ['https://example.com/ a.png', 422],
    ['https://example.com/"onload="', 422],
    ['javascript:alert(1)//https://', 422],
    ['https://user:password@example.com/a.png', 422],
    ['https://user@example.com/a.png', 422],
    ['https:///example.com/a.png', 422],
  ])('the avatar %s', async (avatar_url, expected) => {
    expect((await change({ avatar_url })).status).toBe(expected);
  });

  test('descriptions of roles and permissions count what people see', async () => {
    const authorization = await tokens.authorization({ id: uuidv7(), username: 'x' }, ['roles:manage']);
    const create = (path: string, name: string, description: string) =>
      call('POST', path, { authorization, body: { name, description } });
    for (const [path, prefix] of [
      ['/roles', 'described-'],
      ['/permissions', 'described:'],
    ] as const) {
      const fits = await create(path, `${prefix}a`, '😀'.repeat(255));
      expect([fits.status, fits.body.description]).toEqual([201, '😀'.repeat(255)]);
      expect((await create(path, `${prefix}b`, '😀'.repeat(256))).status).toBe(422);
      expect((await create(path, `${prefix}c`, 'a\u0000')).status).toBe(422);
    }
  });

  test('rows of the version before are kept by the wider columns', async () => {
    const old = await oldDatabase('users', '0003_email-keys');
    try {
      const id = uuidv7();
      const stored = { displayName: 'é'.repeat(80), firstName: '\u3164', bio: '😀'.repeat(500) };
      await old.database.execute(
        sql`insert into users (id, username, email, display_name, first_name, bio) values (${sql.param(id, users.id)}, 'wide', 'wide@example.com', ${stored.displayName}, ${stored.firstName}, ${stored.bio})`,
      );
      await old.database.insert(roles).values({ id, name: 'keeper', description: 'ü'.repeat(255) });
      await old.migrate();
      const [user] = await old.database.select().from(users);
      expect(user).toMatchObject({ id, username: 'wide', ...stored });
      const [role] = await old.database.select().from(roles);
      expect(role).toEqual({ id, name: 'keeper', description: 'ü'.repeat(255) });
    } finally {
      await old.drop();
    }
  });
});

describe('a date of birth', () => {
  test.each(['1990-02-30', '1990-02-29', '2001-04-31', '2099-12-31', '1899-12-31', '1990-1-1'])(
    '%s is refused wherever one is set',
    async (date_of_birth) => {
      const authorization = await tokens.authorization({ id: uuidv7(), username: 'x' }, ['users:manage']);
      const body = { username: 'undated', email: 'undated@example.com', password: 'a long password' };
      for (const { status, body: answered } of [
        await change({ date_of_birth }),
        await call('PATCH', `/users/id/${me.id}`, { authorization, body: { date_of_birth } }),
        await call('POST', '/register', { body: { ...body, date_of_birth } }),
        await call('POST', '/users', { authorization, body: { ...body, date_of_birth } }),
      ])
        expect([status, answered.errors]).toMatchObject([422, [{ field: 'date_of_birth' }]]);
    },
  );

  test.each(['1900-01-01', '2000-02-29', new Date().toISOString().slice(0, 10)])(
    '%s is kept',
    async (date) => {
      expect((await change({ date_of_birth: date })).body.date_of_birth).toBe(date);
      expect((await call('GET', '/users/me', me)).body.date_of_birth).toBe(date);
    },
  );
});
