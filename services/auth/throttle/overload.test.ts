import { afterAll, afterEach, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { Registry } from 'prom-client';
import type { Passwords } from '#kit/auth/passwords';
import { createWorkQueue, type Turn } from '#kit/core/queues/work-queue';
import { eventually } from '../../../tests/support/eventually';
import { startIdentity } from '../../../tests/support/identity';
import { uniqueName } from '../../../tests/support/servers';
import { sessions } from '../schema';

const identity = await startIdentity({ passwords: 'cheap' });
const { authApp, authDeps, callAuth, usersDeps } = identity;
const PASSWORD = 'a long password';
const NEW = 'another long password';
const original = {
  turns: authDeps.passwordTurns,
  auth: { ...authDeps.passwords },
  users: { ...usersDeps.passwords },
};

afterEach(() => {
  authDeps.passwordTurns = original.turns;
  Object.assign(authDeps.passwords, original.auth);
  Object.assign(usersDeps.passwords, original.users);
});
afterAll(() => identity.close());

const newAddress = () => `2001:db8:${randomGroup()}:${randomGroup()}::1`;
const randomGroup = () => Math.floor(Math.random() * 65_536).toString(16);
const newName = () => uniqueName('u').replace('-', '_');

async function join(username = newName(), address = newAddress()) {
  const answer = await callAuth('POST', '/auth/register', {
    body: { username, email: `${username}@example.com`, password: PASSWORD },
    headers: { 'x-forwarded-for': address },
  });
  const { id } = (answer.body.user ?? {}) as { id: string };
  return {
    id,
    username,
    address,
    status: answer.status,
    authorization: `Bearer ${answer.body.access_token}`,
  };
}

/** A request of a client that may hang up. */
const send = (
  method: string,
  path: string,
  sent: { body: object; from?: string; signal?: AbortSignal; authorization?: string },
) =>
  Promise.resolve(
    authApp.handle(
      new Request(`http://localhost${path}`, {
        method,
        headers: {
          'content-type': 'application/json',
          'x-forwarded-for': sent.from ?? newAddress(),
          ...(sent.authorization !== undefined && { authorization: sent.authorization }),
        },
        body: JSON.stringify(sent.body),
        ...(sent.signal && { signal: sent.signal }),
      }),
    ),
  );
const signIn = (username: string, options: { password?: string; from?: string; signal?: AbortSignal } = {}) =>
  send('POST', '/auth/login', { ...options, body: { username, password: options.password ?? PASSWORD } });

/** Holds back every hash until `release` is called, and counts those that were begun. */
function holdHashes(passwords: Passwords) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const { verify, hashNew } = passwords;
  const turns: Turn[] = [];
  const held = {
    release,
    get begun() {
      return turns.length;
    },
    /** Whether the process that hashes knows that a caller has gone. */
    isAbandoned: () => turns.some(({ signal }) => signal?.aborted),
  };
  const hold = async (turn: Turn) => {
    turns.push(turn);
    await promise;
  };
  // Without the turn: what is tested is that the caller is asked after again.
  passwords.verify = (password, hash, turn) => hold(turn).then(() => verify(password, hash, {}));
  passwords.hashNew = (chosen, turn) => hold(turn).then(() => hashNew(chosen, {}));
  return held;
}

const narrow = (waiting: number, metrics = new Registry()) =>
  createWorkQueue({
    name: 'sign-in attempts',
    metrics,
    limits: { concurrent: 1, waiting, waitMs: 600_000, serviceMs: 1 },
  });

test('of many sign-ins at once, those that find no place are told when to come back, and count for nothing', async () => {
  const { username } = await join();
  const from = newAddress();
  authDeps.passwordTurns = narrow(2);
  const hashes = holdHashes(authDeps.passwords);
  const answers = Array.from({ length: 40 }, () => signIn(username, { password: 'not the password', from }));
  const refused: Response[] = [];
  for (const answer of answers)
    void answer.then((response) => response.status === 503 && refused.push(response));
  await eventually(() => refused.length === 37);
  for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeWithin(1, 31);
  hashes.release();
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  expect(statuses.filter((status) => status !== 503)).toEqual([401, 401, 401]);
  expect(hashes.begun).toBe(3);
  // Four wrong passwords are free: a fifth would have made the next wait.
  expect((await signIn(username, { password: 'not the password', from })).status).toBe(401);
  expect((await signIn(username, { from })).status).toBe(200);
});

test('a sign-in over gRPC that has timed out is checked no more, and counts for nothing', async () => {
  const { username } = await join();
  const metrics = new Registry();
  authDeps.passwordTurns = narrow(100, metrics);
  const hashes = holdHashes(authDeps.passwords);
  const origin = { address: newAddress() };
  const attempts = Array.from({ length: 10 }, () =>
    usersDeps.auth.login(
      { username, password: 'not the password' },
      { onBehalfOf: { origin }, deadlineMs: 500 },
    ),
  );
  for (const attempt of await Promise.allSettled(attempts)) expect(attempt.status).toBe('rejected');
  // The caller may know a moment earlier than auth.
  const noneWaits = 'work_queue_tasks{queue="sign-in attempts",state="waiting"} 0';
  await eventually(async () => expect(await metrics.metrics()).toContain(noneWaits));
  hashes.release();
  // In turn after what is left of the others.
  expect((await signIn(username, { from: origin.address })).status).toBe(200);
  expect(hashes.begun).toBeLessThanOrEqual(2);
  for (let time = 0; time < 4; time++)
    expect((await signIn(username, { password: 'not the password', from: origin.address })).status).toBe(401);
});

test('no session is opened for a client that has hung up while its password was checked', async () => {
  const { id, username } = await join();
  const hashes = holdHashes(authDeps.passwords);
  const client = new AbortController();
  const answer = signIn(username, { signal: client.signal });
  await eventually(() => hashes.begun === 1);
  client.abort();
  hashes.release();
  expect((await answer).status).toBe(503);
  // That of the registration.
  expect(await authDeps.database.$count(sessions, eq(sessions.userId, id))).toBe(1);
});

test('nobody is registered for a client that has hung up while the password was hashed', async () => {
  const username = newName();
  const hashes = holdHashes(usersDeps.passwords);
  const client = new AbortController();
  const body = { username, email: `${username}@example.com`, password: PASSWORD };
  const answer = send('POST', '/auth/register', { body, signal: client.signal });
  await eventually(() => hashes.begun === 1);
  client.abort();
  expect((await answer).status).toBe(503);
  await eventually(() => hashes.isAbandoned());
  hashes.release();
  expect((await join(username)).status).toBe(201);
});

test('a password is not changed for a client that has hung up while the new one was hashed', async () => {
  const { id, username, authorization } = await join();
  const hashes = holdHashes(authDeps.passwords);
  authDeps.passwords.verify = original.auth.verify;
  const client = new AbortController();
  const body = { current_password: PASSWORD, new_password: NEW };
  const answer = send('PATCH', `/auth/users/${id}`, { body, authorization, signal: client.signal });
  await eventually(() => hashes.begun === 1);
  client.abort();
  hashes.release();
  expect((await answer).status).toBe(503);
  expect((await signIn(username)).status).toBe(200);
});
