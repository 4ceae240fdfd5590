import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { AuthCredentialsSet, AuthEmailSet } from '#contracts/events/auth';
import { MailRequested } from '#contracts/events/mail';
import { envelope, parseEnvelope } from '#contracts/messages';
import { outbox } from '#kit/messaging/tables';
import { eventually } from '../../../tests/support/eventually';
import { startIdentity } from '../../../tests/support/identity';
import { uniqueName } from '../../../tests/support/servers';
import { RESET_LINK_MS } from '../keys/rules';
import { credentials, passwordResets } from '../schema';
import { takeOver } from '../subscriptions';
import { sweepOnce } from '../sweep';
import { resetPassword } from './service';

const identity = await startIdentity();
const { authDeps, callAuth, clock } = identity;
const context = { requestId: 'a-request-of-a-test', actor: null };
const OLD = 'the old password';
const NEW = 'the new password';

afterAll(() => identity.close());

/** Tests come from addresses of their own, and from none that another run came from. */
const newAddress = () => `2001:db8:${randomGroup()}:${randomGroup()}::1`;
const randomGroup = () => Math.floor(Math.random() * 65_536).toString(16);

async function join() {
  const username = uniqueName('r').replace('-', '_');
  const email = `${username}@example.com`;
  const { body } = await callAuth('POST', '/auth/register', { body: { username, email, password: OLD } });
  const { id } = body.user as { id: string };
  return {
    id,
    username,
    email,
    authorization: `Bearer ${body.access_token}`,
    refreshToken: String(body.refresh_token),
  };
}

const forget = (email: string, address = newAddress()) =>
  callAuth('POST', '/auth/password/forgot', { body: { email }, headers: { 'x-forwarded-for': address } });

const reset = (token: string, new_password = NEW) =>
  callAuth('POST', '/auth/password/reset', { body: { token, new_password } });

const signIn = async (username: string, password: string) =>
  (await callAuth('POST', '/auth/login', { body: { username, password } })).status;

const mails = async (userId: string) => {
  const rows = await authDeps.database.select().from(outbox).where(eq(outbox.aggregateId, userId));
  return rows.filter(({ name }) => name === MailRequested.name);
};

/** Asks for a link and answers the token in it, as it is mailed. */
async function mailedToken(person: { id: string; email: string }): Promise<string> {
  const before = (await mails(person.id)).length;
  expect((await forget(person.email)).status).toBe(202);
  await eventually(async () => (await mails(person.id)).length > before);
  const mail = (await mails(person.id)).at(-1);
  const { to, content } = parseEnvelope([MailRequested], Buffer.from(mail?.payload ?? '')).data;
  expect(mail?.erasePayload).toBe(true);
  expect(to).toEqual({ address: person.email });
  if (content.template !== 'password-reset') throw new Error('another mail than one to reset a password');
  expect(content.values.link).toStartWith('https://rookery.example/reset-password#token=');
  return content.values.link.slice(content.values.link.indexOf('=') + 1);
}

describe('a forgotten password', () => {
  test('is replaced with the mailed token, which ends all sessions and is kept as a hash only', async () => {
    const person = await join();
    const token = await mailedToken(person);
    const kept = await authDeps.database.select().from(passwordResets);
    expect(kept.map(({ userId }) => userId)).toContain(person.id);
    expect(JSON.stringify(kept)).not.toContain(token);
    expect((await reset(token)).status).toBe(204);
    expect([await signIn(person.username, OLD), await signIn(person.username, NEW)]).toEqual([401, 200]);
    const me = await callAuth('GET', '/auth/me', { authorization: person.authorization });
    const refreshed = await callAuth('POST', '/auth/refresh', {
      body: { refresh_token: person.refreshToken },
    });
    expect([me.status, refreshed.status]).toEqual([401, 401]);
  });

  test('is replaced once with each token, also by many at the same time, and ends the others mailed', async () => {
    const person = await join();
    const [first, second] = [await mailedToken(person), await mailedToken(person)];
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, number) => reset(second, `${NEW} ${number}`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 410, 410, 410, 410]);
    for (const token of [first, second, 'unknown'])
      expect((await reset(token)).body.code).toBe('auth.reset-refused');
  });

  test('is not replaced with a token of more than thirty minutes ago, which is removed', async () => {
    const person = await join();
    const token = await mailedToken(person);
    clock.aheadMs += RESET_LINK_MS;
    try {
      expect((await reset(token)).status).toBe(410);
      await sweepOnce(authDeps);
      const rows = authDeps.database.select().from(passwordResets);
      expect(await rows.where(eq(passwordResets.userId, person.id))).toEqual([]);
    } finally {
      clock.aheadMs -= RESET_LINK_MS;
    }
  });

  test('gets the same answer for an address nobody has, and for somebody who may not sign in, without a mail', async () => {
    const person = await join();
    await authDeps.database
      .update(credentials)
      .set({ active: false })
      .where(eq(credentials.userId, person.id));
    const before = (await authDeps.database.select().from(outbox)).length;
    const [known, unknown] = [await forget(person.email), await forget('nobody@example.com')];
    const shown = ({ status, body, headers }: typeof known) => [status, body, [...headers.keys()].sort()];
    expect(shown(known)).toEqual(shown(unknown));
    expect(known.status).toBe(202);
    const other = await join();
    await mailedToken(other);
    const written = (await authDeps.database.select().from(outbox)).slice(before);
    expect(written.filter(({ name }) => name === MailRequested.name)).toHaveLength(1);
  });

  test('can be told of three times in a quarter of an hour, by an address that exists or not', async () => {
    const { email } = await join();
    for (const asked of [email, `${uniqueName('nobody')}@example.com`]) {
      const statuses: number[] = [];
      for (let time = 0; time < 4; time++) statuses.push((await forget(asked.toUpperCase())).status);
      expect(statuses).toEqual([202, 202, 202, 429]);
    }
  });

  test('can be told of for ten accounts in a quarter of an hour from one network', async () => {
    const address = newAddress();
    const ask = () => forget(`${uniqueName('anybody')}@example.com`, address);
    const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await ask()).status));
    expect(statuses.filter((status) => status === 202)).toHaveLength(10);
  });

  test('lets its owner in at once, also where wrong guesses made the account rest', async () => {
    const person = await join();
    for (let guess = 0; guess < 8; guess++)
      await authDeps.throttle.failed({ account: person.id, address: '' });
    expect(await signIn(person.username, OLD)).toBe(429);
    expect((await reset(await mailedToken(person))).status).toBe(204);
    expect(await signIn(person.username, NEW)).toBe(200);
  });
});

describe('a mailed link', () => {
  test('is good for nothing once the person has another address or has changed the password', async () => {
    const [moved, changed] = [await join(), await join()];
    const tokens = [await mailedToken(moved), await mailedToken(changed)];
    const data = { user_id: moved.id, email: 'elsewhere@example.com', version: 2 };
    await takeOver(authDeps, envelope(AuthEmailSet, data, context));
    const change = await callAuth('PATCH', `/auth/users/${changed.id}`, {
      authorization: changed.authorization,
      body: { current_password: OLD, new_password: 'changed with the old one' },
    });
    expect(change.status).toBe(204);
    for (const token of tokens) expect((await reset(token)).status).toBe(410);
  });
});

describe('a password that was reset', () => {
  const credentialsSet = async (
    person: { id: string; username: string; email: string },
    set: { password: string; version: number; at: number },
  ) => ({
    ...envelope(
      AuthCredentialsSet,
      {
        user_id: person.id,
        username: person.username,
        email: person.email,
        version: set.version,
        sealed: await authDeps.sealer.seal(await authDeps.passwords.hash(set.password)),
      },
      context,
    ),
    occurred_at: new Date(set.at).toISOString(),
  });

  test('is not undone by credentials that were set before and come late, and is by those set later', async () => {
    const person = await join();
    const token = await mailedToken(person);
    const late = await credentialsSet(person, { password: 'set in between', version: 2, at: Date.now() });
    await resetPassword(authDeps, { token, new_password: NEW });
    await takeOver(authDeps, late);
    expect([await signIn(person.username, 'set in between'), await signIn(person.username, NEW)]).toEqual([
      401, 200,
    ]);
    const later = await credentialsSet(person, {
      password: 'set by an administrator',
      version: 3,
      at: Date.now() + 1_000,
    });
    await takeOver(authDeps, later);
    expect(await signIn(person.username, 'set by an administrator')).toBe(200);
  });
});
