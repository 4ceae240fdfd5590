import { afterAll, describe, expect, test } from 'bun:test';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import type { TokenAlgorithm } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import { startIdentity } from '../../../tests/support/identity';
import { signingKeys } from '../schema';
import { signAccessToken } from '../tokens/access-tokens';
import { openKeyRing } from './key-ring';
import { KEY_LIFETIME_MS } from './rules';

const identity = await startIdentity();
const { authDeps, callAuth, clock, keyRing } = identity;
const MINUTE_MS = 60_000;
const subject = () => ({
  userId: uuidv7(),
  username: 'ada',
  session: {
    id: uuidv7(),
    createdAt: new Date(),
    appId: null,
    scopes: null,
    methods: null,
    signedInAt: null,
  },
  roles: ['user'],
  permissions: [],
});

afterAll(() => identity.close());

describe('signing keys', () => {
  test('are created once by instances that start concurrently', async () => {
    await authDeps.database.delete(signingKeys);
    const rings = await Promise.all(Array.from({ length: 8 }, () => openKeyRing(authDeps.runtime, keyRing)));
    const kids = new Set(rings.map((ring) => ring.signingKey().kid));
    expect(kids.size).toBe(1);
    expect(await authDeps.database.select().from(signingKeys)).toHaveLength(1);
    await authDeps.keys.refresh();
  });

  test('are stored encrypted, and cannot be decrypted with another secret', async () => {
    const [row] = await authDeps.database.select().from(signingKeys);
    expect(row?.publicKey).not.toHaveProperty('d');
    expect(row?.sealedPrivateKey).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/);
    const internalSecret = 'another secret';
    await expect(openKeyRing(authDeps.runtime, { ...keyRing, internalSecret })).rejects.toThrow(
      'INTERNAL_SECRET',
    );
  });

  test('rotate while tokens are signed and verified, and no verification fails', async () => {
    let cached: { keys: JSONWebKeySet; atMs: number } | undefined;
    // A verifier that caches keys for ten minutes and does not refetch for an unknown key.
    const verify = async (token: string) => {
      const nowMs = authDeps.now();
      if (cached === undefined || nowMs - cached.atMs > 10 * MINUTE_MS)
        cached = { keys: authDeps.keys.publicKeys(), atMs: nowMs };
      await jwtVerify(token, createLocalJWKSet(cached.keys), { currentDate: new Date(nowMs) });
    };
    const other = await openKeyRing(authDeps.runtime, keyRing);
    const kids = new Set<string | undefined>();
    const unexpired: { token: string; untilMs: number }[] = [];
    const untilMs = 2 * KEY_LIFETIME_MS + 120 * MINUTE_MS;
    while (clock.aheadMs < untilMs) {
      await Promise.all([authDeps.keys.refresh(), other.refresh()]);
      for (const keys of [authDeps.keys, other]) {
        kids.add(keys.signingKey().kid);
        const token = await signAccessToken({ ...authDeps, keys }, subject());
        unexpired.push({ token, untilMs: authDeps.now() + 59 * MINUTE_MS });
      }
      while (unexpired[0] !== undefined && unexpired[0].untilMs < authDeps.now()) unexpired.shift();
      for (const { token } of [...unexpired.slice(0, 2), ...unexpired.slice(-2)]) await verify(token);
      const intoKeyMs = (clock.aheadMs + 90 * MINUTE_MS) % KEY_LIFETIME_MS;
      clock.aheadMs += intoKeyMs < 240 * MINUTE_MS ? MINUTE_MS : 180 * MINUTE_MS;
    }
    clock.aheadMs = 0;
    expect(kids.size).toBe(3);
    expect((await authDeps.database.select().from(signingKeys)).length).toBeLessThanOrEqual(2);
  });

  test('can be rotated by an operator: the new key is published at once and signs later', async () => {
    await authDeps.database.delete(signingKeys);
    const ring = await openKeyRing(authDeps.runtime, keyRing);
    const before = ring.signingKey().kid;
    await ring.rotate();
    expect(ring.publicKeys().keys).toHaveLength(2);
    expect(ring.signingKey().kid).toBe(String(before));
    clock.aheadMs = 15 * MINUTE_MS;
    expect(ring.signingKey().kid).not.toBe(String(before));
    clock.aheadMs += 66 * MINUTE_MS;
    await ring.refresh();
    expect(ring.publicKeys().keys.map((key) => key.kid)).toEqual([String(ring.signingKey().kid)]);
    clock.aheadMs = 0;
  });
});

describe('an independent library', () => {
  test.each(['EdDSA', 'ES256', 'RS256'] satisfies TokenAlgorithm[])(
    'discovers the keys and accepts an access token signed with %s (RFC 8414, RFC 9068)',
    async (algorithm) => {
      const own = algorithm === 'EdDSA' ? identity : await startIdentity({ algorithm });
      await own.authDeps.keys.refresh();
      const { body } = await own.callAuth('POST', '/auth/register', {
        body: { username: `by_${algorithm}`, email: `${algorithm}@example.com`, password: 'a long password' },
      });
      const issuer = new URL(own.settings.issuer);
      const options = {
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: (url: string) =>
          own.authApp.handle(new Request(`http://localhost${new URL(url).pathname}`)),
      };
      const server = await oauth.processDiscoveryResponse(
        issuer,
        await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oidc' }),
      );
      const request = new Request('http://resource.test/', {
        headers: { authorization: `Bearer ${body.access_token}` },
      });
      const claims = await oauth.validateJwtAccessToken(server, request, 'rookery', options);
      expect(claims).toMatchObject({ sub: (body.user as { id: string }).id, client_id: 'rookery' });
      if (own !== identity) await own.close();
    },
  );

  test('with a shared secret no key is published, and tokens are valid', async () => {
    const own = await startIdentity({ algorithm: 'HS256' });
    const { body } = await own.callAuth('POST', '/auth/register', {
      body: { username: 'by_secret', email: 'secret@example.com', password: 'a long password' },
    });
    const me = await own.callAuth('GET', '/auth/me', { authorization: `Bearer ${body.access_token}` });
    expect(me.status).toBe(200);
    expect((await own.callAuth('GET', '/.well-known/jwks.json')).body).toEqual({ keys: [] });
    await own.close();
  });
});

test('the key set is cacheable for five minutes', async () => {
  const { headers } = await callAuth('GET', '/.well-known/jwks.json');
  expect(headers.get('cache-control')).toBe('public, max-age=300');
});
