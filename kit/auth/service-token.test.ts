import { afterEach, expect, setSystemTime, test } from 'bun:test';
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { developmentIdentity, type ServiceIdentity } from '../core/identity';
import { createServiceTokens, createServiceTokenVerifier, ServiceTokenRefused } from './service-token';

const timelines = developmentIdentity('timelines');
const likes = developmentIdentity('likes');
const verify = createServiceTokenVerifier({ audience: 'users', identity: developmentIdentity('users') });

afterEach(() => void setSystemTime());

const tokenOf = (identity: ServiceIdentity, audience = 'users') =>
  createServiceTokens(identity).tokenFor(audience);
const refused = (token: string | undefined) =>
  expect(verify(token)).rejects.toBeInstanceOf(ServiceTokenRefused);

test('a valid token names the calling process', async () => {
  expect(await verify(await tokenOf(timelines))).toBe('timelines');
});

test('a token for another audience is rejected', async () => {
  await refused(await tokenOf(timelines, 'auth'));
});

test('a process cannot claim the name of another: its key signs for its own name only', async () => {
  await refused(await tokenOf({ ...likes, name: 'auth' }));
});

test('a token of an unknown process is rejected', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  await refused(await tokenOf({ ...likes, privateKey }));
  const knowsNobody = createServiceTokenVerifier({
    audience: 'users',
    identity: { publicKeysOf: () => [] },
  });
  await expect(knowsNobody(await tokenOf(likes))).rejects.toBeInstanceOf(ServiceTokenRefused);
});

test('the algorithm is pinned: a public key does not serve as the secret of an HMAC', async () => {
  const [publicKey] = likes.publicKeysOf('likes');
  const secrets = [
    'development-internal-secret',
    publicKey?.export({ format: 'der', type: 'spki' }).toString('latin1') ?? '',
    publicKey?.export({ format: 'pem', type: 'spki' }).toString() ?? '',
  ];
  for (const secret of secrets)
    await refused(
      await new SignJWT()
        .setProtectedHeader({ alg: 'HS256', typ: 'service+jwt' })
        .setIssuer('likes')
        .setAudience('users')
        .setIssuedAt()
        .setExpirationTime('1 minute')
        .sign(Buffer.from(secret, 'latin1')),
    );
});

test('both keys of a process are accepted while one replaces the other', async () => {
  const next = generateKeyPairSync('ed25519');
  const keys = [next.publicKey, ...likes.publicKeysOf('likes')];
  const verifier = createServiceTokenVerifier({ audience: 'users', identity: { publicKeysOf: () => keys } });
  expect(await verifier(await tokenOf(likes))).toBe('likes');
  expect(await verifier(await tokenOf({ ...likes, privateKey: next.privateKey }))).toBe('likes');
});

test('a missing or malformed token is rejected', async () => {
  for (const token of [undefined, '', 'a.b.c', `${'x'.repeat(2_000)}`]) await refused(token);
  await refused(`${(await tokenOf(likes)).slice(0, -4)}AAAA`);
});

test('an expired token is rejected, also when it was accepted before', async () => {
  const token = await tokenOf(timelines);
  await verify(token);
  setSystemTime(Date.now() + 70_000);
  await refused(token);
});

test('a token is reused for half its lifetime and then replaced', async () => {
  const tokens = createServiceTokens(timelines);
  const startMs = Date.now();
  setSystemTime(startMs);
  const first = await tokens.tokenFor('users');
  setSystemTime(startMs + 29_000);
  expect(await tokens.tokenFor('users')).toBe(first);
  setSystemTime(startMs + 31_000);
  expect(await tokens.tokenFor('users')).not.toBe(first);
});
