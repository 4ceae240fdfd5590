import { afterEach, expect, setSystemTime, test } from 'bun:test';
import { createServiceTokens, createServiceTokenVerifier, ServiceTokenRefused } from './service-token';

const SECRET = 'a-secret-used-in-tests-only';
const verify = createServiceTokenVerifier({ audience: 'users', secret: SECRET });

afterEach(() => void setSystemTime());

test('a valid token names the calling service', async () => {
  const token = await createServiceTokens({ issuer: 'timelines', secret: SECRET }).tokenFor('users');
  expect(await verify(token)).toBe('timelines');
});

test('a token for another audience is rejected', async () => {
  const token = await createServiceTokens({ issuer: 'timelines', secret: SECRET }).tokenFor('auth');
  await expect(verify(token)).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('a token signed with another secret is rejected', async () => {
  const token = await createServiceTokens({
    issuer: 'timelines',
    secret: 'another-secret-of-length',
  }).tokenFor('users');
  await expect(verify(token)).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('a missing or malformed token is rejected', async () => {
  await expect(verify(undefined)).rejects.toBeInstanceOf(ServiceTokenRefused);
  await expect(verify('a.b.c')).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('an expired token is rejected, also when it was accepted before', async () => {
  const token = await createServiceTokens({ issuer: 'timelines', secret: SECRET }).tokenFor('users');
  await verify(token);
  setSystemTime(Date.now() + 70_000);
  await expect(verify(token)).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('a token is reused for half its lifetime and then replaced', async () => {
  const tokens = createServiceTokens({ issuer: 'timelines', secret: SECRET });
  const startMs = Date.now();
  setSystemTime(startMs);
  const first = await tokens.tokenFor('users');
  setSystemTime(startMs + 29_000);
  expect(await tokens.tokenFor('users')).toBe(first);
  setSystemTime(startMs + 31_000);
  expect(await tokens.tokenFor('users')).not.toBe(first);
});
