import { afterAll, describe, expect, test } from 'bun:test';
import { openRedis } from '#kit/redis/client';
import { startIdentity, throttleRedisUrl } from '../../../tests/support/identity';
import { testRuntime, uniqueName } from '../../../tests/support/servers';
import { createThrottle } from './throttle';

const runtime = testRuntime('auth');
const redis = await openRedis(runtime, { url: throttleRedisUrl(), required: false });
const identity = await startIdentity({ perAddress: 25 });

afterAll(async () => {
  await identity.close();
  await runtime.close();
});

/** An address that no other test or run has used. */
const newAddress = () => `2001:db8:${randomGroup()}:${randomGroup()}::1`;
const randomGroup = () => Math.floor(Math.random() * 65_536).toString(16);

const attempts = async (count: number, attempt: () => Promise<unknown>) => {
  const results = await Promise.allSettled(Array.from({ length: count }, attempt));
  return results.filter(({ status }) => status === 'fulfilled').length;
};

describe('password guessing', () => {
  test('of many accounts from one /64 network is limited to 25 attempts, also concurrent ones', async () => {
    const throttle = createThrottle(redis, 25);
    const address = newAddress();
    const admit = () => throttle.admit({ account: uniqueName('account'), address });
    expect(await attempts(40, admit)).toBe(25);
    const neighbour = address.replace('::1', ':1:2:3:4');
    const rejected = throttle.admit({ account: uniqueName('account'), address: neighbour });
    await expect(rejected).rejects.toMatchObject({ code: 'auth.too-many-attempts', status: 429 });
    await throttle.admit({ account: uniqueName('account'), address: newAddress() });
  });

  test('of one account from many addresses is limited to 25 attempts', async () => {
    const throttle = createThrottle(redis, 25);
    const account = uniqueName('account');
    expect(await attempts(40, () => throttle.admit({ account, address: newAddress() }))).toBe(25);
  });

  test('is counted in each process while Redis is unavailable', async () => {
    const own = testRuntime('auth');
    const unavailable = await openRedis(own, { url: 'redis://127.0.0.1:1', required: false });
    const throttle = createThrottle(unavailable, 25);
    const address = newAddress();
    expect(await attempts(40, () => throttle.admit({ account: uniqueName('account'), address }))).toBe(25);
    await own.close();
  });

  test('of one account blocks it with Retry-After; its owner can sign in afterwards', async () => {
    const username = uniqueName('guessed').replace('-', '_').slice(0, 30);
    await identity.callAuth('POST', '/auth/register', {
      body: { username, email: `${username}@example.com`, password: 'a long password' },
    });
    const signIn = (password: string) =>
      identity.callAuth('POST', '/auth/login', {
        body: { username, password },
        headers: { 'x-forwarded-for': newAddress() },
      });
    for (let guess = 0; guess < 5; guess++) expect((await signIn('a wrong password')).status).toBe(401);
    const blocked = await signIn('a long password');
    expect([blocked.status, blocked.body.code]).toEqual([429, 'auth.too-many-attempts']);
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(0);
    const deadline = Date.now() + 30_000;
    let answer = blocked;
    while (answer.status === 429 && Date.now() < deadline) {
      await Bun.sleep(50);
      answer = await signIn('a long password');
    }
    expect(answer.status).toBe(200);
  });

  test('with the correct password is not counted', async () => {
    const throttle = createThrottle(redis, 25);
    const attempt = { account: uniqueName('account'), address: newAddress() };
    for (let time = 0; time < 60; time++) {
      await throttle.admit(attempt);
      await throttle.succeeded(attempt);
    }
  });
});
