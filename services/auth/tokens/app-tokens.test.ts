import { afterAll, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { OPAQUE_TOKEN_PREFIX } from '#kit/auth/opaque-tokens';
import { createTokenVerifier } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import { startIdentity } from '../../../tests/support/identity';
import { permittedClient } from '../../../tests/support/permitted-client';
import { applyAuthorizations } from '../credentials/authorizations';
import { apps, appTokens, sessions } from '../schema';
import { hashOf } from '../secrets';
import { endSession } from '../sessions/service';
import { revokeAppToken } from './app-tokens';

const identity = await startIdentity({ passwords: 'cheap' });
const { authDeps, callAuth } = identity;
const client = permittedClient(identity.usersDeps.runtime, {
  service: 'auth',
  definition: AuthServiceDefinition,
  registry: identity.registry,
});
afterAll(() => identity.close());

const FOREVER = new Date('9999-01-01T00:00:00Z');
const SCOPES = ['read', 'write:media'];
const APP = uuidv7();
await authDeps.database.insert(apps).values({
  id: APP,
  secretHash: null,
  kind: 'mastodon',
  name: 'Tusky',
  website: null,
  redirectUris: [],
  scopes: SCOPES,
  grantTypes: ['authorization_code', 'client_credentials'],
  authMethod: 'none',
  allowed: true,
  createdAt: new Date(),
});

let people = 0;
async function join() {
  const username = `person_${++people}`;
  const { body } = await callAuth('POST', '/auth/register', {
    body: { username, email: `${username}@example.com`, password: 'a long password' },
  });
  const accessToken = String(body.access_token);
  return { username, id: String(decodeJwt(accessToken).sub), authorization: `Bearer ${accessToken}` };
}

async function issue(sessionId: string | null, expiresAt: Date | null = null) {
  const token = OPAQUE_TOKEN_PREFIX + randomBytes(32).toString('base64url');
  const row = { id: uuidv7(), appId: APP, sessionId, scopes: SCOPES, createdAt: new Date(), expiresAt };
  await authDeps.database.insert(appTokens).values({ hash: hashOf(token), ...row });
  return { token, tokenId: row.id, sessionId };
}

/** What a person who has allowed the app gives it. */
async function allow(userId: string, lastUsedAt = new Date()) {
  const id = uuidv7();
  await authDeps.database.insert(sessions).values({
    id,
    userId,
    address: '127.0.0.1',
    userAgent: null,
    createdAt: new Date(),
    lastUsedAt,
    expiresAt: FOREVER,
    endsAt: FOREVER,
    endedAt: null,
    appId: APP,
    scopes: SCOPES,
    methods: ['pwd'],
  });
  return { ...(await issue(id)), id: userId };
}

const exchange = async (token: string) => (await client.exchangeAppToken({ token })).access_token;

/** Another process, which has heard of every revocation. */
const verifierElsewhere = () =>
  createTokenVerifier(
    identity.settings,
    async () => authDeps.keys.publicKeys(),
    authDeps.denylist.isRevoked,
    {
      exchange: async (token) => (await exchange(token)) ?? null,
    },
  );

test('a token is exchanged for a JWT of five minutes, which says for whom, what and in which session', async () => {
  const { id, username } = await join();
  const { token, tokenId, sessionId } = await allow(id);
  const claims = decodeJwt((await exchange(token)) ?? '');
  expect(claims).toMatchObject({
    sub: id,
    username,
    client_id: APP,
    scope: 'read write:media',
    sid: sessionId,
    jti: tokenId,
    amr: ['pwd'],
    permissions: [],
  });
  expect(Number(claims.exp) - Number(claims.iat)).toBe(300);
});

test('unknown tokens, and those that have expired, are exchanged for nothing', async () => {
  const expired = await issue(null, new Date(Date.now() - 1_000));
  const foreign = await issue(uuidv7());
  for (const token of ['', 'rka_', `rka_${'a'.repeat(43)}`, expired.token, foreign.token])
    expect(await exchange(token)).toBeUndefined();
});

test('no JWT outlives its token', async () => {
  const { token } = await issue(null, new Date(Date.now() + 60_000));
  const { exp, iat } = decodeJwt((await exchange(token)) ?? '');
  expect(Number(exp) - Number(iat)).toBeLessThanOrEqual(60);
});

test('a token ends everywhere with its session, at once', async () => {
  const { id } = await join();
  const { token, sessionId } = await allow(id);
  const elsewhere = verifierElsewhere();
  expect((await elsewhere.verify(token, 'read:statuses')).id).toBe(id);
  await endSession(authDeps, { id: String(sessionId), userId: id });
  expect(elsewhere.identified(token)).toBeUndefined();
  expect(await elsewhere.identify(token).catch(({ status }) => status)).toBe(401);
});

test('a revoked token ends everywhere at once, with its session, and of an app alone', async () => {
  const { id } = await join();
  const elsewhere = verifierElsewhere();
  const alone = await issue(null);
  for (const { token } of [await allow(id), alone]) {
    await elsewhere.identify(token);
    await revokeAppToken(authDeps, token);
    expect(elsewhere.identified(token)).toBeUndefined();
    expect(await elsewhere.identify(token).catch(({ status }) => status)).toBe(401);
    expect(await exchange(token)).toBeUndefined();
  }
  // Whoever has missed the events loads them.
  const { revocations } = await client.listRevocations({});
  expect(revocations.map(({ subject }) => subject)).toContain(alone.tokenId);
  await revokeAppToken(authDeps, alone.token);
});

test('RFC 7009 revokes opaque tokens as well', async () => {
  const { token } = await allow((await join()).id);
  expect((await callAuth('POST', '/auth/revoke', { body: { token } })).status).toBe(200);
  expect(await exchange(token)).toBeUndefined();
});

test('a changed role reaches a token in use, which goes on', async () => {
  const { id } = await join();
  const { token } = await allow(id);
  const elsewhere = verifierElsewhere();
  await elsewhere.identify(token);
  await applyAuthorizations(authDeps, { userId: id, roles: [], permissions: [], version: 9, reduced: true });
  const caller = await elsewhere.identify(token);
  expect([caller.id, caller.issuedAt > authDeps.denylist.revokedUntil(id)]).toEqual([id, true]);
});

test('a token of an app alone names no person', async () => {
  const { token } = await issue(null);
  const caller = await authDeps.tokens.identify(token);
  expect(caller).toMatchObject({ id: APP, username: '', app: { id: APP, scopes: SCOPES } });
  expect(await authDeps.tokens.verify(token, 'read').catch(({ status }) => status)).toBe(401);
});

test('the use of a token is recorded, at most once an hour', async () => {
  const old = new Date(Date.now() - 2 * 60 * 60_000);
  const recent = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 60_000);
  const { id } = await join();
  const lastUsed = async (before: Date) => {
    const { token, sessionId } = await allow(id, before);
    await exchange(token);
    const [session] = await authDeps.database
      .select()
      .from(sessions)
      .where(eq(sessions.id, String(sessionId)));
    return session?.lastUsedAt.getTime() ?? 0;
  };
  expect(await lastUsed(old)).toBeGreaterThan(old.getTime());
  expect(await lastUsed(recent)).toBe(recent.getTime());
});

test('while auth is away, known tokens work and others are 503', async () => {
  const { id } = await join();
  const [known, other] = [await allow(id), await allow(id)];
  const elsewhere = verifierElsewhere();
  await elsewhere.identify(known.token);
  identity.away.add('auth');
  try {
    expect((await elsewhere.identify(known.token)).id).toBe(id);
    expect(await elsewhere.identify(other.token).catch(({ status }) => status)).toBe(503);
  } finally {
    identity.away.delete('auth');
  }
});

test('services without keys name the scope that an app needs, and are told of no others', async () => {
  const { id, authorization } = await join();
  const { token } = await allow(id);
  const verify = (body: object) => callAuth('POST', '/auth/verify', { body });
  expect((await verify({ token })).status).toBe(403);
  expect((await verify({ token, scope: 'write:chat' })).status).toBe(403);
  expect((await verify({ token, scope: 'read:minds' })).status).toBe(422);
  expect((await verify({ token, scope: 'read:chat' })).body).toMatchObject({ user_id: id, permissions: [] });
  const denied = await client.verifyToken({ access_token: token }).catch((problem: unknown) => problem);
  expect(denied).toMatchObject({ code: 'auth.insufficient-scope' });
  expect((await client.verifyToken({ access_token: token, scope: 'read:chat' })).user_id).toBe(id);
  const { body } = await callAuth('POST', '/auth/introspect', { body: { token }, authorization });
  expect(body).toMatchObject({ active: true, sub: id, client_id: APP, scope: 'read write:media' });
});

test('an app cannot sign its user out, nor reach what is theirs in auth', async () => {
  const { token } = await allow((await join()).id);
  const authorization = `Bearer ${token}`;
  for (const [method, path] of [
    ['POST', '/auth/logout'],
    ['GET', '/auth/me'],
    ['GET', '/auth/sessions'],
  ] as const)
    expect((await callAuth(method, path, { authorization })).body.code).toBe('auth.insufficient-scope');
});
