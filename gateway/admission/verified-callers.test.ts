import { describe, expect, test } from 'bun:test';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE, createTokenVerifier } from '#kit/auth/tokens';
import { eventually } from '../../tests/support/eventually';
import { headerLine } from '../http1/field-lines';
import { authorizationIn, createVerifiedCallers } from './verified-callers';

const SECRET = 'a-secret-for-tests-of-the-callers';
const settings = {
  algorithm: 'HS256',
  issuer: 'http://issuer.test',
  audience: 'rookery',
  secret: SECRET,
} as const;

async function tokenOf(user: string, { secret = SECRET, seconds = 300 } = {}): Promise<string> {
  const claims = { sid: 's', username: user, roles: [], permissions: [] };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject(user)
    .setJti(crypto.randomUUID())
    .setIssuer(settings.issuer)
    .setAudience(settings.audience)
    .setIssuedAt()
    .setExpirationTime(`${seconds} s`)
    .sign(new TextEncoder().encode(secret));
  return `Bearer ${token}`;
}

function createScene() {
  const verifier = createTokenVerifier(settings, async () => ({ keys: [] }));
  let aheadMs = 0;
  let verified = 0;
  const tokens = {
    identify(token: string) {
      verified++;
      return verifier.identify(token);
    },
  };
  return {
    callers: createVerifiedCallers(tokens, () => Date.now() + aheadMs),
    verified: () => verified,
    later: (ms: number) => {
      aheadMs += ms;
    },
  };
}

describe('the user of a token', () => {
  test('is known once it is verified, and the same for every token of a user', async () => {
    const { callers } = createScene();
    const [one, other] = [await tokenOf('alice'), await tokenOf('alice')];
    expect(callers.userOf(one)).toBeNull();
    callers.verifyInBackground(one);
    callers.verifyInBackground(other);
    await eventually(() => expect(callers.userOf(one)).toBe('@alice'));
    await eventually(() => expect(callers.userOf(other)).toBe('@alice'));
  });

  test('is null for a forged one, which is not verified again for a while', async () => {
    const { callers, verified, later } = createScene();
    const good = await tokenOf('alice');
    const forged = await tokenOf('alice', { secret: 'another-secret-for-tests-of-callers' });
    callers.verifyInBackground(good);
    callers.verifyInBackground(forged);
    await eventually(() => expect(callers.userOf(good)).toBe('@alice'));
    await eventually(() => expect(verified()).toBe(2));
    expect(callers.userOf(forged)).toBeNull();
    await eventually(() => {
      callers.verifyInBackground(forged);
      expect(verified()).toBe(2);
    });
    for (const nonsense of ['Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer x.y.z'])
      callers.verifyInBackground(nonsense);
    await eventually(() => expect(verified()).toBe(3));
    later(5_001);
    callers.verifyInBackground(forged);
    await eventually(() => expect(verified()).toBe(4));
    expect(callers.userOf(forged)).toBeNull();
  });

  test('is dropped when the token expires, and verified again before', async () => {
    const { callers, verified, later } = createScene();
    const token = await tokenOf('alice', { seconds: 100 });
    callers.verifyInBackground(token);
    await eventually(() => expect(callers.userOf(token)).toBe('@alice'));
    later(61_000);
    expect(callers.userOf(token)).toBe('@alice');
    await eventually(() => expect(verified()).toBe(2));
    later(40_000);
    expect(callers.userOf(token)).toBeNull();
  });

  test('is read from the Authorization header in any case', () => {
    const headers = [headerLine('Content-Type', 'a/b'), headerLine('authorization', 'Bearer x')];
    expect(authorizationIn(headers)).toBe('Bearer x');
    expect(authorizationIn([])).toBeNull();
  });
});
