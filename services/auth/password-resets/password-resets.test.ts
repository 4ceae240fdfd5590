import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { AuthCredentialsSet, AuthEmailSet } from '#contracts/events/auth';
import { MailRequested } from '#contracts/events/mail';
import { envelope, parseEnvelope } from '#contracts/messages';
import { outbox } from '#kit/messaging/tables';
import { eventually } from '../../../tests/support/eventually';
import { startIdentity } from '../../../tests/support/identity';
import { uniqueName } from '../../../tests/support/servers';
import { credentials, passwordResets } from '../schema';
import { applyEvent } from '../subscriptions';
import { sweepBatch } from '../sweep';
import { RESET_LINK_MS, resetPassword } from './service';

const identity = await startIdentity();
const { authDeps, callAuth, clock } = identity;
const context = { requestId: 'a-request-of-a-test', actor: null };
const OLD = 'the old password';
const NEW = 'the new password';

afterAll(() => identity.close());

/** An address that no other test or run has used. */
const newAddress = () => `2001:db8:${randomGroup()}:${randomGroup()}::1`;
const randomGroup = () => Math.floor(Math.random() * 65_536).toString(16);

async function join() {
  const username = uniqueName('r').replace('-', '_');
  const email = `${username}@example.com`;
  const answer = await callAuth('POST', '/auth/register', { body: { username, email, password: OLD } });
  const { body, headers } = answer;
  const { id } = body.user as { id: string };
  return {
    id,
    username,
    email,
    authorization: `Bearer ${body.access_token}`,
    refreshToken: String(body.refresh_token),
    device: String(headers.getSetCookie().find((line) => line.startsWith('device='))).split(';')[0] ?? '',
  };
}

const requestReset = (email: string, address = newAddress()) =>
  callAuth('POST', '/auth/password/forgot', { body: { email }, headers: { 'x-forwarded-for': address } });

const reset = (token: string, new_password = NEW) =>
  callAuth('POST', '/auth/password/reset', { body: { token, new_password } });

const signIn = async (username: string, password: string) =>
  (await callAuth('POST', '/auth/login', { body: { username, password } })).status;

const mails = async (userId: string) => {
  const rows = await authDeps.database.select().from(outbox).where(eq(outbox.aggregateId, userId));
  return rows.filter(({ name }) => name === MailRequested.name);
};

/**
 * Requests a link and returns the token in the mail.
 *
 * @param device the cookie of a device on which the user has signed in
 */
async function mailedToken(user: { id: string; email: string }, device?: string): Promise<string> {
  const before = (await mails(user.id)).length;
  const answer = await callAuth('POST', '/auth/password/forgot', {
    body: { email: user.email },
    headers: { 'x-forwarded-for': newAddress(), ...(device !== undefined && { cookie: device }) },
  });
  expect(answer.status).toBe(202);
  await eventually(async () => (await mails(user.id)).length > before);
  const mail = (await mails(user.id)).at(-1);
  const { to, content } = parseEnvelope([MailRequested], Buffer.from(mail?.payload ?? '')).data;
  expect(to).toEqual({ address: user.email });
  if (content.template !== 'password-reset') throw new Error('Not a password reset mail');
  expect(content.values.link).toStartWith('https://rookery.example/auth/reset-password?token=');
  return content.values.link.slice(content.values.link.indexOf('=') + 1);
}

describe('a forgotten password', () => {
  test('is reset with the mailed token, which ends all sessions; only a hash of the token is stored', async () => {
    const user = await join();
    const token = await mailedToken(user);
    const stored = await authDeps.database.select().from(passwordResets);
    expect(stored.map(({ userId }) => userId)).toContain(user.id);
    expect(JSON.stringify(stored)).not.toContain(token);
    expect((await reset(token)).status).toBe(204);
    expect([await signIn(user.username, OLD), await signIn(user.username, NEW)]).toEqual([401, 200]);
    const me = await callAuth('GET', '/auth/me', { authorization: user.authorization });
    const refreshed = await callAuth('POST', '/auth/refresh', {
      body: { refresh_token: user.refreshToken },
    });
    expect([me.status, refreshed.status]).toEqual([401, 401]);
  });

  test('is reset once per token, also by concurrent requests, and invalidates the other tokens', async () => {
    const user = await join();
    const [first, second] = [await mailedToken(user), await mailedToken(user)];
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, number) => reset(second, `${NEW} ${number}`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 410, 410, 410, 410]);
    for (const token of [first, second, 'unknown'])
      expect((await reset(token)).body.code).toBe('auth.reset-refused');
  });

  test('is not reset with a token older than 30 minutes, which is deleted', async () => {
    const user = await join();
    const token = await mailedToken(user);
    clock.aheadMs += RESET_LINK_MS;
    try {
      expect((await reset(token)).status).toBe(410);
      await sweepBatch(authDeps);
      const rows = authDeps.database.select().from(passwordResets);
      expect(await rows.where(eq(passwordResets.userId, user.id))).toEqual([]);
    } finally {
      clock.aheadMs -= RESET_LINK_MS;
    }
  });

  test('returns the same response for an unknown address and for a deactivated user, and sends no mail', async () => {
    const user = await join();
    await authDeps.database.update(credentials).set({ active: false }).where(eq(credentials.userId, user.id));
    const before = (await authDeps.database.select().from(outbox)).length;
    const nobody = `${uniqueName('nobody')}@example.com`;
    const [known, unknown] = [await requestReset(user.email), await requestReset(nobody)];
    const shown = ({ status, body, headers }: typeof known) => [status, body, [...headers.keys()].sort()];
    expect(shown(known)).toEqual(shown(unknown));
    expect(known.status).toBe(202);
    const other = await join();
    await mailedToken(other);
    const written = (await authDeps.database.select().from(outbox)).slice(before);
    expect(written.filter(({ name }) => name === MailRequested.name)).toHaveLength(1);
  });

  test('is mailed to its owner however often strangers have requested it, and not to the owner at every request', async () => {
    const user = await join();
    const stranger = newAddress();
    const answers = await Promise.all(Array.from({ length: 25 }, () => requestReset(user.email, stranger)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    // The share of one requester, and then the owner's.
    await eventually(async () => (await mails(user.id)).length === 3);
    await mailedToken(user);
    for (let time = 0; time < 20; time++) expect((await requestReset(user.email)).status).toBe(202);
    // The share of all strangers. The owner has a link that is good; on a known device there is another one.
    await eventually(async () => (await mails(user.id)).length === 6);
    const token = await mailedToken(user, user.device);
    expect(await mails(user.id)).toHaveLength(7);
    expect((await reset(token)).status).toBe(204);
  });

  test('is requested by a network thirty times in 15 minutes, and others are not limited by that', async () => {
    const address = newAddress();
    const request = () => requestReset(`${uniqueName('anybody')}@example.com`, address);
    const answers = await Promise.all(Array.from({ length: 40 }, request));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(10);
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeWithin(1, 31);
    expect((await requestReset(`${uniqueName('anybody')}@example.com`)).status).toBe(202);
  });

  test('admits its owner where wrong passwords have been tried, and on that device from then on', async () => {
    const user = await join();
    const address = newAddress();
    const headers = { 'x-forwarded-for': address };
    const attempt = (password: string, cookie?: string) =>
      callAuth('POST', '/auth/login', {
        body: { username: user.username, password },
        headers: { ...headers, ...(cookie !== undefined && { cookie }) },
      });
    for (let guess = 0; guess < 5; guess++) await attempt('not the password');
    expect((await attempt(OLD)).status).toBe(429);
    const body = { token: await mailedToken(user), new_password: NEW };
    const answer = await callAuth('POST', '/auth/password/reset', { body, headers });
    expect(answer.status).toBe(204);
    const device = answer.headers.getSetCookie()[0]?.split(';')[0];
    expect(device).toStartWith('device=');
    expect((await attempt(NEW)).status).toBe(200);
    for (let guess = 0; guess < 5; guess++) await attempt('not the password');
    expect([(await attempt(NEW)).status, (await attempt(NEW, device)).status]).toEqual([429, 200]);
  });
});

describe('a mailed link', () => {
  test('is invalid after the user has changed the email address or the password', async () => {
    const [moved, changed] = [await join(), await join()];
    const tokens = [await mailedToken(moved), await mailedToken(changed)];
    const data = { user_id: moved.id, email: 'elsewhere@example.com', version: 2 };
    await applyEvent(authDeps, envelope(AuthEmailSet, data, context));
    const change = await callAuth('PATCH', `/auth/users/${changed.id}`, {
      authorization: changed.authorization,
      body: { current_password: OLD, new_password: 'changed with the old password' },
    });
    expect(change.status).toBe(200);
    for (const token of tokens) expect((await reset(token)).status).toBe(410);
  });
});

describe('a password that was reset', () => {
  const credentialsSet = async (
    user: { id: string; username: string; email: string },
    set: { password: string; version: number; at: number },
  ) => ({
    ...envelope(
      AuthCredentialsSet,
      {
        user_id: user.id,
        username: user.username,
        email: user.email,
        version: set.version,
        sealed: await authDeps.sealer.seal(await authDeps.passwords.rehash(set.password, {})),
      },
      context,
    ),
    occurred_at: new Date(set.at).toISOString(),
  });

  test('is not overwritten by late credentials that were set before, but by those set afterwards', async () => {
    const user = await join();
    const token = await mailedToken(user);
    const late = await credentialsSet(user, { password: 'set before the reset', version: 2, at: Date.now() });
    const from = { client: { address: newAddress() }, device: undefined, lifetime: {} };
    await resetPassword(authDeps, { token, new_password: NEW }, from);
    await applyEvent(authDeps, late);
    expect([await signIn(user.username, 'set before the reset'), await signIn(user.username, NEW)]).toEqual([
      401, 200,
    ]);
    const later = await credentialsSet(user, {
      password: 'set by an administrator',
      version: 3,
      at: Date.now() + 1_000,
    });
    await applyEvent(authDeps, later);
    expect(await signIn(user.username, 'set by an administrator')).toBe(200);
  });
});
