import { afterAll, describe, expect, test } from 'bun:test';
import { randomInt } from 'node:crypto';
import { asc, sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { outbox } from '#kit/messaging/tables';
import { eventually } from '../../../tests/support/eventually';
import { startIdentity } from '../../../tests/support/identity';
import { oldDatabase } from '../../../tests/support/old-database';
import { testRuntime, uniqueName } from '../../../tests/support/servers';
import { credentials } from '../schema';
import { fillEmailKeys } from './email-keys';
import { findByName } from './store';

const identity = await startIdentity();
const { authDeps, callAuth, callUsers } = identity;
const PASSWORD = 'a long password';
afterAll(() => identity.close());

/** The limits of sign-ins and of reset requests outlast a test run. */
const RUN = uniqueName('run');
const randomNetwork = () => `10.${randomInt(256)}.${randomInt(256)}.1`;

let count = 0;
const register = (email: string, username = `named_${++count}`) =>
  callAuth('POST', '/auth/register', { body: { username, email, password: PASSWORD } });

const resetMails = async () =>
  (await authDeps.database.select().from(outbox))
    .filter((row) => row.name === 'mail.requested')
    .map((row) => JSON.parse(row.payload).data.to.address as string);

describe('an email address', () => {
  test.each([
    ['Möwe@Bücher.example', 'MÖWE@xn--bcher-kva.example'],
    ['zwei@xn--bcher-kva.example', 'zwei@BÜCHER.example'],
    ['drei.é@example.com', 'drei.é@example.com'.normalize('NFD')],
    ['用户@例え.テスト', '用户@xn--r8jz45g.xn--zckzah'],
  ])('%s signs in as %s too, at auth and at users, and gets the reset link', async (one, two) => {
    const [typed, other] = [`${RUN}.${one}`, `${RUN.toUpperCase()}.${two}`];
    expect((await register(typed)).status).toBe(201);
    for (const email of [typed, other, ` ${other} `]) {
      const body = { email, password: PASSWORD };
      expect([email, (await callAuth('POST', '/auth/login', { body })).status]).toEqual([email, 200]);
      expect([email, (await callUsers('POST', '/login', { body })).status]).toEqual([email, 200]);
    }
    const headers = { 'x-forwarded-for': randomNetwork() };
    await callAuth('POST', '/auth/password/forgot', { body: { email: other }, headers });
    // Mailed to the stored form, whichever was typed.
    await eventually(async () => expect(await resetMails()).toContain(typed));
  });

  test('does not sign in to an account with a similar one', async () => {
    expect((await register(`${RUN}.jose@example.com`)).status).toBe(201);
    const login = (email: string) => callAuth('POST', '/auth/login', { body: { email, password: PASSWORD } });
    for (const email of [`${RUN}.josé@example.com`, `${RUN}.ｊose@example.com`, `${RUN}.jose@exämple.com`])
      expect([email, (await login(email)).status]).toEqual([email, 401]);
    expect((await register(`${RUN}.josé@example.com`)).status).toBe(201);
    expect((await login(`${RUN}.JOSÉ@example.com`)).status).toBe(200);
  });
});

test('a username signs in only by its own letters', async () => {
  const suffix = RUN.replace('-', '_');
  expect((await register('kelvin@example.com', `jose_k_${suffix}`)).status).toBe(201);
  const login = (username: string) =>
    callAuth('POST', '/auth/login', { body: { username, password: PASSWORD } });
  for (const similar of ['josé_k', 'ｊｏｓｅ_ｋ', 'jose_\u212a', 'jo\u017fe_k']) {
    const username = `${similar}_${suffix}`;
    expect([username, (await login(username)).status]).toEqual([username, 401]);
  }
  expect((await login(`JOSE_K_${suffix}`)).status).toBe(200);
});

test('the database of the version before keeps its users, who sign in by their addresses', async () => {
  const old = await oldDatabase('auth', '0002_password-resets');
  try {
    const addresses = ['ada@example.com', 'grüße@example.com', 'jo..se@example.com', null];
    for (const [index, email] of addresses.entries())
      await old.database.execute(
        sql`insert into credentials (user_id, username, email, version) values (${sql.param(uuidv7(), credentials.userId)}, ${`old_${index}`}, ${email}, 1)`,
      );
    await old.migrate();
    const deps = { runtime: testRuntime('auth'), database: old.database };
    await fillEmailKeys(deps);
    await fillEmailKeys(deps);
    const rows = await old.database.select().from(credentials).orderBy(asc(credentials.username));
    expect(rows.map(({ email, emailKey }) => [email, emailKey])).toEqual(
      addresses.map((email) => [email, email]),
    );
    const found = await findByName(old.database, { kind: 'email', key: 'grüße@example.com' });
    expect(found?.username).toBe('old_1');
  } finally {
    await old.drop();
  }
});
