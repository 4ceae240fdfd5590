import { afterAll, describe, expect, test } from 'bun:test';
import { Registry } from 'prom-client';
import { uuidv7 } from '#kit/core/ids';
import { createWorkQueue, type QueueLimits } from '#kit/core/queues/work-queue';
import { startIdentity } from '../../../tests/support/identity';
import { uniqueName } from '../../../tests/support/servers';
import { credentials } from '../schema';

const identity = await startIdentity({ perAddress: 50, passwords: 'cheap' });
const { authApp, authDeps, callAuth, callUsers } = identity;
const PASSWORD = 'a long password';

afterAll(() => identity.close());

const queueOf = (limits: QueueLimits) =>
  createWorkQueue({ name: 'sign-in attempts', metrics: new Registry(), limits });

/** An address that no other test or run has used. */
const newAddress = () => `2001:db8:${randomGroup()}:${randomGroup()}::1`;
const randomGroup = () => Math.floor(Math.random() * 65_536).toString(16);

async function join(address = newAddress()) {
  const username = uniqueName('u').replace('-', '_');
  const email = `${username}@example.com`;
  const answer = await callAuth('POST', '/auth/register', {
    body: { username, email, password: PASSWORD },
    headers: { 'x-forwarded-for': address },
  });
  const { id } = answer.body.user as { id: string };
  return { id, username, email, address, device: deviceIn(answer), token: String(answer.body.access_token) };
}

/** The `Cookie` header with the device cookie of a response. */
function deviceIn({ headers }: { headers: Headers }): string {
  const cookie = headers.getSetCookie().find((line) => line.startsWith('device='));
  expect(cookie).toMatch(/; Path=\/(auth|login); .*HttpOnly/);
  return cookie?.split(';')[0] ?? '';
}

const signIn = (
  name: { username: string } | { email: string },
  options: { password?: string; address?: string; cookie?: string } = {},
) =>
  callAuth('POST', '/auth/login', {
    body: { ...name, password: options.password ?? PASSWORD },
    headers: {
      'x-forwarded-for': options.address ?? newAddress(),
      ...(options.cookie !== undefined && { cookie: options.cookie }),
    },
  });

const wrong = { password: 'not the password' };

async function statusesOf(count: number, attempt: () => Promise<{ status: number }>) {
  const answers = await Promise.all(Array.from({ length: count }, attempt));
  return answers.map(({ status }) => status);
}

/** Wrong passwords at a name from as many networks, without the cost of hashing them. */
async function guessFromEverywhere(username: string, guesses: number): Promise<void> {
  for (let guess = 0; guess < guesses; guess++) {
    const admission = await authDeps.throttle.admit({
      name: ['username', username],
      userId: null,
      address: newAddress(),
      device: undefined,
      isKnownNetwork: async () => false,
    });
    await admission.failed();
  }
}

describe('a hundred wrong passwords of a stranger', () => {
  test('are a few guesses, and keep the owner out neither elsewhere nor on a known device', async () => {
    const owner = await join();
    const { username } = owner;
    const stranger = newAddress();
    const guess = () => signIn({ username }, { ...wrong, address: stranger });
    const statuses = await statusesOf(100, guess);
    // Those that were checked at the same time as the last free one.
    expect(statuses.filter((status) => status === 401).length).toBeWithin(5, 10);
    expect(statuses.filter((status) => status === 429).length).toBe(
      100 - statuses.filter((s) => s === 401).length,
    );
    const refused = await guess();
    expect([refused.status, refused.body.code]).toEqual([429, 'auth.too-many-attempts']);
    expect(Number(refused.headers.get('retry-after'))).toBeWithin(1, 901);
    const neighbour = stranger.replace('::1', ':1:2:3:4');
    expect((await signIn({ username }, { address: neighbour })).status).toBe(429);

    expect((await signIn({ username })).status).toBe(200);
    expect((await signIn({ username }, { address: stranger, cookie: owner.device })).status).toBe(200);
    const atUsers = await callUsers('POST', '/login', {
      body: { username, password: PASSWORD },
      headers: { 'x-forwarded-for': stranger, cookie: owner.device },
    });
    expect(atUsers.status).toBe(200);
    expect(deviceIn(atUsers)).not.toBe(owner.device);
  });

  test('are answered the same for a name that nobody has', async () => {
    const { username } = await join();
    const sequence = async (name: string) => {
      const address = newAddress();
      const answers: unknown[] = [];
      for (let time = 0; time < 6; time++) {
        const { status, body } = await signIn({ username: name }, { ...wrong, address });
        answers.push([status, body.code, body.detail]);
      }
      return answers;
    };
    expect(await sequence(username)).toEqual(await sequence(uniqueName('nobody').replace('-', '_')));
  });

  test('at a username do not tell whose email address it is', async () => {
    const { username, email } = await join();
    const address = newAddress();
    for (let time = 0; time < 5; time++) await signIn({ username }, { ...wrong, address });
    expect((await signIn({ username }, { ...wrong, address })).status).toBe(429);
    expect((await signIn({ email }, { ...wrong, address })).status).toBe(401);
  });
});

describe('wrong passwords from everywhere', () => {
  test('slow strangers down, but not a device or a network from which the owner has signed in', async () => {
    const owner = await join();
    const { username } = owner;
    await guessFromEverywhere(username, 100);
    const stranger = await signIn({ username });
    expect(stranger.status).toBe(429);
    expect(Number(stranger.headers.get('retry-after'))).toBeWithin(1, 301);
    expect((await signIn({ username }, { cookie: owner.device })).status).toBe(200);
    expect((await signIn({ username }, { address: owner.address })).status).toBe(200);
    const other = await join();
    expect((await signIn({ username }, { cookie: other.device })).status).toBe(429);
  });

  test('at many accounts from one network leave out those who have signed in there', async () => {
    const owner = await join();
    const guesses = await statusesOf(60, () =>
      signIn({ username: uniqueName('nobody').replace('-', '_') }, { ...wrong, address: owner.address }),
    );
    expect(guesses.filter((status) => status === 401).length).toBeWithin(50, 55);
    const guest = await join();
    expect((await signIn({ username: guest.username }, { address: owner.address })).status).toBe(429);
    expect((await signIn({ username: owner.username }, { address: owner.address })).status).toBe(200);
  });

  test('on a device of the account count against that device only', async () => {
    const { username, device, address } = await join();
    for (let time = 0; time < 5; time++)
      expect((await signIn({ username }, { ...wrong, cookie: device })).status).toBe(401);
    // From here on the device is a stranger, with the limits of one.
    const statuses = await statusesOf(20, () =>
      signIn({ username }, { ...wrong, cookie: device, address: '192.0.2.1' }),
    );
    expect(statuses).toContain(429);
    expect((await signIn({ username }, { address })).status).toBe(200);
  });
});

describe('right passwords', () => {
  test('of two hundred people at once from one address are all admitted', async () => {
    const passwordHash = await authDeps.passwords.rehash(PASSWORD, {});
    const school = newAddress();
    const people = Array.from({ length: 200 }, (_, index) => ({
      userId: uuidv7(),
      username: `pupil_${index}`,
      passwordHash,
      version: 1,
      roles: ['user'],
      permissions: [],
    }));
    await authDeps.database.insert(credentials).values(people);
    identity.away.add('users');
    try {
      const statuses = await Promise.all(
        people.map(async ({ username }) => (await signIn({ username }, { address: school })).status),
      );
      expect(statuses.filter((status) => status !== 200)).toEqual([]);
    } finally {
      identity.away.delete('users');
    }
  });

  test('of one person, six hundred at once, are admitted or told that the service is busy, and count for nothing', async () => {
    const { username, address } = await join();
    const turns = authDeps.passwordTurns;
    authDeps.passwordTurns = queueOf({ concurrent: 4, waiting: 40 });
    try {
      const answers = await Promise.all(Array.from({ length: 600 }, () => signIn({ username }, { address })));
      const admitted = answers.filter(({ status }) => status === 200);
      expect(admitted.length).toBeGreaterThanOrEqual(40);
      for (const { status, body, headers } of answers)
        if (status !== 200) {
          // The queue of the database fills up as well.
          expect([status, body.status]).toEqual([503, 503]);
          expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
        }
    } finally {
      authDeps.passwordTurns = turns;
    }
    expect((await signIn({ username }, { address })).status).toBe(200);
  });

  test('are not waited for, and wrong ones not counted, once the client has gone', async () => {
    const { username } = await join();
    const address = newAddress();
    const turns = authDeps.passwordTurns;
    const busy = Promise.withResolvers<void>();
    authDeps.passwordTurns = queueOf({ concurrent: 1, waiting: 100 });
    const held = authDeps.passwordTurns.run(() => busy.promise);
    const client = new AbortController();
    const verify = authDeps.passwords.verify;
    let checks = 0;
    authDeps.passwords.verify = (...typed) => {
      checks++;
      return verify(...typed);
    };
    try {
      const requests = Array.from({ length: 20 }, () =>
        authApp.handle(
          new Request('http://localhost/auth/login', {
            method: 'POST',
            headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
            body: JSON.stringify({ username, ...wrong }),
            signal: client.signal,
          }),
        ),
      );
      client.abort();
      for (const { status } of await Promise.all(requests)) expect(status).toBe(503);
      busy.resolve();
      await held;
      expect(checks).toBe(0);
      expect((await signIn({ username }, { address })).status).toBe(200);
    } finally {
      busy.resolve();
      authDeps.passwords.verify = verify;
      authDeps.passwordTurns = turns;
    }
  });
});

test('wrong current passwords in a session delay that session, and no sign-in', async () => {
  const { id, username, token } = await join();
  const change = (current_password: string) =>
    callAuth('PATCH', `/auth/users/${id}`, {
      authorization: `Bearer ${token}`,
      body: { current_password, new_password: 'another long password' },
      headers: { 'x-forwarded-for': newAddress() },
    });
  for (let time = 0; time < 5; time++) expect((await change('not the password')).status).toBe(403);
  expect((await change(PASSWORD)).status).toBe(429);
  expect((await signIn({ username })).status).toBe(200);
});
