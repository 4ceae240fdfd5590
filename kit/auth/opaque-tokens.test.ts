import { expect, test } from 'bun:test';
import { SignJWT } from 'jose';
import { Registry } from 'prom-client';
import { DependencyUnavailable, Unauthenticated } from '../errors/problem';
import { createDenylist } from './denylist';
import { createOpaqueTokens } from './opaque-tokens';
import { createTokenVerifier } from './tokens';

const settings = {
  algorithm: 'HS256',
  issuer: 'http://issuer',
  audience: 'rookery',
  secret: 's'.repeat(32),
} as const;
const TOKEN = `rka_${'a'.repeat(43)}`;
const SECOND = 1_000;
/** Milliseconds since 1970, on a full second. */
const START_MS = Math.floor(Date.now() / SECOND) * SECOND;

const jwtOf = (id: string, { startMs = START_MS, scope = 'read' } = {}) =>
  new SignJWT({
    jti: id,
    sid: 'session',
    username: 'ada',
    client_id: 'app',
    scope,
    roles: ['user'],
    permissions: ['users:manage'],
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
    .setSubject('ada')
    .setIssuer(settings.issuer)
    .setAudience(settings.audience)
    .setIssuedAt(startMs / SECOND)
    .setExpirationTime(startMs / SECOND + 300)
    .sign(new TextEncoder().encode(settings.secret));

/** Opaque tokens over an auth service that the test answers for, with a clock. */
function setUp(answer: (token: string) => Promise<string | null>, options: { maxTokens?: number } = {}) {
  const scene = { asked: 0, nowMs: START_MS, metrics: new Registry() };
  const ask = (token: string) => {
    scene.asked++;
    return answer(token);
  };
  const tokens = createOpaqueTokens(ask, scene.metrics, { now: () => scene.nowMs, ...options });
  return Object.assign(scene, { tokens });
}

const tokenWith = (letter: string) => `rka_${letter.repeat(43)}`;
const unavailable = () => Promise.reject(new Error('connection refused'));

test('a token is exchanged once, also for many at the same time, and known from then on', async () => {
  const jwt = await jwtOf('one');
  const scene = setUp(async () => jwt);
  expect(scene.tokens.known(TOKEN)).toBeUndefined();
  const all = await Promise.all(Array.from({ length: 20 }, () => scene.tokens.exchange(TOKEN)));
  expect(new Set(all)).toEqual(new Set([jwt]));
  expect(scene.tokens.known(TOKEN)).toBe(jwt);
  expect(await scene.tokens.exchange(TOKEN)).toBe(jwt);
  expect(scene.asked).toBe(1);
});

test('an unknown token is asked about again after ten seconds, and rubbish never', async () => {
  const scene = setUp(async () => null);
  for (let times = 0; times < 3; times++) expect(await scene.tokens.exchange(TOKEN)).toBeNull();
  expect(scene.asked).toBe(1);
  scene.nowMs += 10 * SECOND;
  expect(await scene.tokens.exchange(TOKEN)).toBeNull();
  expect(scene.asked).toBe(2);
  for (const rubbish of ['rka_', `${TOKEN}a`, TOKEN.slice(1), `rka_${'a'.repeat(100_000)}`])
    expect(await scene.tokens.exchange(rubbish)).toBeNull();
  expect(scene.asked).toBe(2);
  expect(await scene.metrics.metrics()).toContain('app_token_exchanges_total{result="unknown"} 2');
});

test('unknown tokens are bounded, and never take the place of known ones', async () => {
  const jwt = await jwtOf('one');
  const scene = setUp(async (token) => (token === TOKEN ? jwt : null), { maxTokens: 2 });
  await scene.tokens.exchange(TOKEN);
  for (const letter of ['b', 'c', 'd', 'b']) await scene.tokens.exchange(tokenWith(letter));
  expect(scene.asked).toBe(5);
  expect(scene.tokens.known(TOKEN)).toBe(jwt);
});

test('a JWT is replaced before its end; while auth is away the old one is used until then, and no others', async () => {
  const answers = [await jwtOf('one'), await jwtOf('two', { startMs: START_MS + 250 * SECOND })];
  let isAway = false;
  const scene = setUp(async () => (isAway ? unavailable() : (answers.shift() ?? null)));
  const first = await scene.tokens.exchange(TOKEN);
  isAway = true;
  scene.nowMs += 245 * SECOND;
  expect(scene.tokens.known(TOKEN)).toBeUndefined();
  expect(await scene.tokens.exchange(TOKEN)).toBe(first);
  // Auth is left alone for a moment.
  expect(scene.tokens.known(TOKEN)).toBe(first ?? undefined);
  expect(scene.asked).toBe(2);
  await expect(scene.tokens.exchange(tokenWith('b'))).rejects.toBeInstanceOf(DependencyUnavailable);
  isAway = false;
  scene.nowMs += 5 * SECOND;
  const second = await scene.tokens.exchange(TOKEN);
  expect(second).not.toBe(first);
  isAway = true;
  scene.nowMs = START_MS + 550 * SECOND;
  await expect(scene.tokens.exchange(TOKEN)).rejects.toMatchObject({ status: 503 });
});

test('a failure is not remembered', async () => {
  const jwt = await jwtOf('one');
  let isAway = true;
  const scene = setUp(() => (isAway ? unavailable() : Promise.resolve(jwt)));
  await expect(scene.tokens.exchange(TOKEN)).rejects.toBeInstanceOf(DependencyUnavailable);
  isAway = false;
  expect(await scene.tokens.exchange(TOKEN)).toBe(jwt);
});

/** A verifier of opaque tokens, which auth exchanges for the given JWTs in turn. */
function verifierOf(answers: (string | null)[]) {
  const denylist = createDenylist();
  const verifier = createTokenVerifier(settings, async () => ({ keys: [] }), denylist.isRevoked, {
    exchange: async () => answers.shift() ?? null,
  });
  const revoke = (kind: 'token' | 'session' | 'user', subject: string) =>
    denylist.add({ kind, subject, issuedUntil: START_MS / SECOND, expiresAt: START_MS / SECOND + 3_600 });
  return { verifier, revoke };
}

test('a verifier takes an opaque token as the JWT that it stands for', async () => {
  const { verifier } = verifierOf([await jwtOf('one')]);
  const caller = await verifier.verify(TOKEN, 'read:statuses');
  expect(caller).toMatchObject({ id: 'ada', app: { id: 'app', scopes: ['read'] }, permissions: [] });
  expect(verifier.identified(TOKEN)).toEqual(caller);
  await expect(verifier.verify(TOKEN)).rejects.toMatchObject({ status: 403 });
  await expect(verifier.verify(tokenWith('b'), 'read')).rejects.toBeInstanceOf(Unauthenticated);
});

test.each([
  ['its session', 'session', 'session'],
  ['itself', 'token', 'one'],
] as const)('a revocation of %s ends a known token at once', async (_, kind, subject) => {
  const { verifier, revoke } = verifierOf([await jwtOf('one')]);
  await verifier.identify(TOKEN);
  revoke(kind, subject);
  expect(verifier.identified(TOKEN)).toBeUndefined();
  for (let times = 0; times < 2; times++)
    await expect(verifier.identify(TOKEN)).rejects.toBeInstanceOf(Unauthenticated);
});

test('a token outlives the JWTs of an account that has lost a role, and stands for a new one', async () => {
  const { verifier, revoke } = verifierOf([
    await jwtOf('one'),
    await jwtOf('two', { startMs: START_MS + SECOND }),
  ]);
  expect((await verifier.identify(TOKEN)).tokenId).toBe('one');
  revoke('user', 'ada');
  expect((await verifier.identify(TOKEN)).tokenId).toBe('two');
});

test('a verifier that cannot exchange refuses opaque tokens', async () => {
  const verifier = createTokenVerifier(settings, async () => ({ keys: [] }));
  await expect(verifier.identify(TOKEN)).rejects.toBeInstanceOf(Unauthenticated);
});
