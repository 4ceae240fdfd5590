import { describe, expect, spyOn, test } from 'bun:test';
import { exportJWK, exportSPKI, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose';
import { DependencyUnavailable, Unauthenticated } from '../errors/problem';
import { createTokenVerifier } from './tokens';

const settings = {
  algorithm: 'EdDSA',
  issuer: 'http://issuer',
  audience: 'rookery',
  secret: 's'.repeat(32),
} as const;
const pair = await generateKeyPair('EdDSA', { extractable: true });
const keySet: JSONWebKeySet = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'EdDSA' }] };
const now = () => Math.floor(Date.now() / 1000);

const claims = {
  sub: '01a1f84b-34c3-730b-b83a-6fad97ec6164',
  jti: 'token',
  sid: 'session',
  iss: 'http://issuer',
  aud: 'rookery',
  username: 'ada',
  roles: ['user'],
  permissions: [],
};

async function token(
  change: { claims?: object; header?: object; key?: CryptoKey | Uint8Array } = {},
): Promise<string> {
  return new SignJWT({ ...claims, iat: now(), exp: now() + 60, ...change.claims })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'one', ...change.header })
    .sign(change.key ?? pair.privateKey);
}

const verifier = createTokenVerifier(settings, async () => keySet);

describe('a token verifier', () => {
  test('accepts a valid token repeatedly', async () => {
    const good = await token();
    for (let times = 0; times < 3; times++)
      expect(await verifier.verify(good)).toMatchObject({
        id: claims.sub,
        username: 'ada',
        sessionId: 'session',
      });
  });

  test.each([
    ['expired', { claims: { exp: now() - 60 } }],
    ['from the future', { claims: { iat: now() + 600, exp: now() + 900 } }],
    ['not valid yet', { claims: { nbf: now() + 600 } }],
    ['of another issuer', { claims: { iss: 'http://elsewhere' } }],
    ['for another audience', { claims: { aud: 'other' } }],
    ['of another type', { header: { typ: 'JWT' } }],
    ['without a subject', { claims: { sub: undefined } }],
    ['without permissions', { claims: { permissions: undefined } }],
    ['with an unknown key', { header: { kid: 'two' } }],
  ])('rejects one that is %s', async (_what, change) => {
    await expect(verifier.verify(await token(change))).rejects.toBeInstanceOf(Unauthenticated);
  });

  test('rejects one signed with another key', async () => {
    const other = await generateKeyPair('EdDSA');
    await expect(verifier.verify(await token({ key: other.privateKey }))).rejects.toBeInstanceOf(
      Unauthenticated,
    );
  });

  test('rejects algorithm "none" and an HMAC keyed with the public key', async () => {
    const [, payload] = (await token()).split('.');
    const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    await expect(verifier.verify(`${header}.${payload}.`)).rejects.toBeInstanceOf(Unauthenticated);
    const publicKey = new TextEncoder().encode(await exportSPKI(pair.publicKey));
    const confused = await token({ key: publicKey, header: { alg: 'HS256' } });
    await expect(verifier.verify(confused)).rejects.toBeInstanceOf(Unauthenticated);
  });

  test.each(['', 'malformed', 'a.b.c', 'x'.repeat(100_000), '....', '\u0000'])(
    'rejects malformed input (%#)',
    async (text) => {
      await expect(verifier.verify(text)).rejects.toBeInstanceOf(Unauthenticated);
    },
  );

  test('checks for revocation every time, also for a cached token', async () => {
    const revoked = new Set<string>();
    const watching = createTokenVerifier(
      settings,
      async () => keySet,
      (caller) => revoked.has(caller.sessionId),
    );
    const good = await token();
    await watching.verify(good);
    revoked.add('session');
    await expect(watching.verify(good)).rejects.toBeInstanceOf(Unauthenticated);
  });

  test('knows at once the caller of a token that it has verified, unless it is revoked', async () => {
    const revoked = new Set<string>();
    const isRevoked = ({ sessionId }: { sessionId: string }) => revoked.has(sessionId);
    const watching = createTokenVerifier(settings, async () => keySet, isRevoked);
    const good = await token();
    expect(watching.identified(good)).toBeUndefined();
    const caller = await watching.verify(good);
    expect(watching.identified(good)).toEqual(caller);
    for (const other of [`${good}x`, good.slice(0, -1), await token({ claims: { jti: 'other' } }), ''])
      expect(watching.identified(other)).toBeUndefined();
    revoked.add('session');
    expect(watching.identified(good)).toBeUndefined();
  });

  test('says nothing at once while revocations are being loaded', async () => {
    let answer: boolean | Promise<boolean> = false;
    const waiting = createTokenVerifier(
      settings,
      async () => keySet,
      () => answer,
    );
    const good = await token();
    await waiting.verify(good);
    answer = Promise.resolve(false);
    expect(waiting.identified(good)).toBeUndefined();
    expect((await waiting.verify(good)).id).toBe(claims.sub);
    // Left alone, its rejection would end the process.
    answer = Promise.reject(new DependencyUnavailable());
    expect(waiting.identified(good)).toBeUndefined();
    await expect(waiting.verify(good)).rejects.toBeInstanceOf(DependencyUnavailable);
    answer = Promise.reject(new DependencyUnavailable());
    expect(waiting.identified(good)).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 1));
  });

  test('forgets what it has verified when the keys change', async () => {
    const second = await generateKeyPair('EdDSA', { extractable: true });
    const secondKey = { ...(await exportJWK(second.publicKey)), kid: 'two', alg: 'EdDSA' };
    let published = keySet;
    let nowMs = performance.now();
    const clock = spyOn(performance, 'now').mockImplementation(() => nowMs);
    try {
      const rotating = createTokenVerifier(settings, async () => published);
      const [old, other] = [await token(), await token({ claims: { jti: 'other' } })];
      await rotating.verify(old);
      published = { keys: [secondKey] };
      expect(rotating.identified(old)).toBeDefined();
      nowMs += 31_000;
      const signed = await token({ key: second.privateKey, header: { kid: 'two' } });
      await rotating.verify(signed);
      expect(rotating.identified(old)).toBeUndefined();
      for (const one of [old, other])
        await expect(rotating.verify(one)).rejects.toBeInstanceOf(Unauthenticated);
      expect(rotating.identified(signed)).toBeDefined();
    } finally {
      clock.mockRestore();
    }
  });

  test('fetches the keys again after ten minutes, and counts nothing verified before', async () => {
    let nowMs = performance.now();
    let fetched = 0;
    const clock = spyOn(performance, 'now').mockImplementation(() => nowMs);
    try {
      const ageing = createTokenVerifier(settings, async () => {
        fetched++;
        return fetched === 1 ? keySet : { keys: [] };
      });
      const good = await token();
      await ageing.verify(good);
      nowMs += 600_001;
      expect(ageing.identified(good)).toBeUndefined();
      await expect(ageing.verify(good)).rejects.toBeInstanceOf(Unauthenticated);
      expect(fetched).toBe(2);
    } finally {
      clock.mockRestore();
    }
  });

  test('is unavailable until keys could be fetched once, and recovers', async () => {
    let unavailable = true;
    const waiting = createTokenVerifier(settings, async () => {
      if (unavailable) throw new Error('connection refused');
      return keySet;
    });
    await expect(waiting.verify(await token())).rejects.toBeInstanceOf(DependencyUnavailable);
    unavailable = false;
    expect((await waiting.verify(await token())).id).toBe(claims.sub);
  });

  test('fetches the keys once for many concurrent tokens', async () => {
    let fetched = 0;
    const counting = createTokenVerifier(settings, async () => {
      fetched++;
      return keySet;
    });
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, index) => token({ claims: { jti: `t${index}` } })),
    );
    await Promise.all(many.map((one) => counting.verify(one)));
    expect(fetched).toBe(1);
  });

  test('with HS256 accepts the shared secret only', async () => {
    const shared = createTokenVerifier({ ...settings, algorithm: 'HS256' }, () =>
      Promise.reject(new Error('not called')),
    );
    const secret = new TextEncoder().encode(settings.secret);
    expect((await shared.verify(await token({ key: secret, header: { alg: 'HS256' } }))).id).toBe(claims.sub);
    await expect(shared.verify(await token())).rejects.toBeInstanceOf(Unauthenticated);
  });
});
