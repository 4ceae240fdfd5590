import { afterEach, expect, setSystemTime, test } from 'bun:test';
import { createServiceTokens, createServiceTokenVerifier, ServiceTokenRefused } from './service-token';

const SECRET = 'a-secret-used-in-tests-only';
const verify = createServiceTokenVerifier({ audience: 'users', secret: SECRET });

afterEach(() => void setSystemTime());

test('the callee learns who is calling', async () => {
  const token = await createServiceTokens({ issuer: 'timelines', secret: SECRET }).tokenFor('users');
  expect(await verify(token)).toBe('timelines');
});

test('a token is refused by a service it was not made for', async () => {
  const token = await createServiceTokens({ issuer: 'timelines', secret: SECRET }).tokenFor('auth');
  await expect(verify(token)).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('a token made with another secret is refused', async () => {
  const token = await createServiceTokens({
    issuer: 'timelines',
    secret: 'another-secret-of-length',
  }).tokenFor('users');
  await expect(verify(token)).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('no token, and what is no token at all, are refused', async () => {
  await expect(verify(undefined)).rejects.toBeInstanceOf(ServiceTokenRefused);
  await expect(verify('a.b.c')).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('a token that has ended is refused, also when it was accepted before', async () => {
  const token = await createServiceTokens({ issuer: 'timelines', secret: SECRET }).tokenFor('users');
  await verify(token);
  setSystemTime(Date.now() + 70_000);
  await expect(verify(token)).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('a token is reused for half its life and then replaced', async () => {
  const tokens = createServiceTokens({ issuer: 'timelines', secret: SECRET });
  const startMs = Date.now();
  setSystemTime(startMs);
  const first = await tokens.tokenFor('users');
  setSystemTime(startMs + 29_000);
  expect(await tokens.tokenFor('users')).toBe(first);
  setSystemTime(startMs + 31_000);
  expect(await tokens.tokenFor('users')).not.toBe(first);
});
