import { afterAll, beforeAll, expect, test } from 'bun:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openRedis } from '#kit/redis/client';
import type { Redis } from '#kit/redis/commands';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { headerLine } from '../http1/field-lines';
import { NO_BODY } from '../http1/framing';
import type { RequestContext } from '../model/request-context';
import { createRequestContext } from '../proxy/request-context';
import { createGeneralLimit } from './general-limit';
import { createRatePolicy } from './rate-policy';
import type { RateVerdict } from './rate-verdict';
import { createRedisAvailability } from './redis-availability';
import { createSharedBuckets } from './shared-buckets';
import { createStrictLimits } from './strict-limits';

const runtime = testRuntime('shared-limits');
let redis: Redis;

beforeAll(async () => {
  redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: false });
});
afterAll(() => runtime.close());

/** Keys are HMACs with the secret, so each test has its own. */
const newSecret = () => uniqueName('secret');

function requestFrom(address: string, authorization?: string): RequestContext {
  const headers = authorization === undefined ? [] : [headerLine('Authorization', authorization)];
  const head = { method: 'GET', target: '/', httpVersion: '1.1', headers } as const;
  const rest = { keepAlive: true, expectsContinue: false, upgradesToWebSocket: false };
  const request = { head, framing: NO_BODY, host: 'a', ...rest, connectionOptions: null };
  const peer = { address, secure: false, trusted: false, cachedOrigin: null };
  return createRequestContext(request, peer, { isTrusted: () => false, spans: null, revision: () => 1 });
}

/** The local parts of one gateway. */
function gateway(secret: string) {
  return {
    shared: createSharedBuckets(redis, secret),
    redis: createRedisAvailability(pino({ level: 'silent' }), new Registry()),
    clock: () => performance.now(),
  };
}

const nobody = { userOf: () => null, verifyInBackground: () => undefined, verify: async () => undefined };
/** Restored so slowly that nothing is restored during a test. */
const BURST_OF_TEN = createRatePolicy('default', 20);

function generalLimits(count: number) {
  const secret = newSecret();
  return Array.from({ length: count }, () =>
    createGeneralLimit(BURST_OF_TEN, { ...gateway(secret), callers: nobody }),
  );
}

test('after a synchronization a gateway counts what the other has admitted', async () => {
  const [one, other] = generalLimits(2);
  if (!one || !other) throw new Error('no gateways');
  const admits = (limit: typeof one) => limit.admit(requestFrom('203.0.113.7')).problem === null;
  expect(Array.from({ length: 10 }, () => admits(one))).not.toContain(false);
  await one.synchronize();
  expect(admits(other)).toBe(true);
  await other.synchronize();
  expect(admits(other)).toBe(false);
  expect(other.admit(requestFrom('203.0.113.8')).problem).toBeNull();
});

test('before a synchronization each gateway admits at most its burst', async () => {
  const limits = generalLimits(3);
  const admitted = () =>
    limits.map((limit) => {
      let count = 0;
      while (limit.admit(requestFrom('203.0.113.9')).problem === null) count++;
      return count;
    });
  const synchronize = () => Promise.all(limits.map((limit) => limit.synchronize()));
  expect(admitted()).toEqual([10, 10, 10]);
  await synchronize();
  // Thirty were admitted: the excess of twenty is restored before another is admitted.
  const verdicts = limits.map((limit) => limit.admit(requestFrom('203.0.113.9')));
  const retryAfter = verdicts.map(({ problem }) => Number(problem?.headers['retry-after']));
  expect(Math.max(...retryAfter)).toBeGreaterThan(60 - 2);
  expect(verdicts.at(-1)?.headerLines).toContain('RateLimit: "default";r=0;t=');
});

test('addresses of one IPv6 network share a bucket', async () => {
  const [limit] = generalLimits(1);
  for (let count = 0; count < 10; count++)
    expect(limit?.admit(requestFrom(`2001:db8:1:2::${count}`)).problem).toBeNull();
  expect(limit?.admit(requestFrom('2001:db8:1:2:ffff::1')).problem?.code).toBe('rate.limited');
  expect(limit?.admit(requestFrom('2001:db8:1:3::1')).problem).toBeNull();
});

test('a verified user has one bucket at all addresses, a forged token counts for its address', () => {
  const verified: string[] = [];
  const callers = {
    userOf: (authorization: string) => (authorization === 'Bearer of-alice' ? '@alice' : null),
    verifyInBackground: (authorization: string) => void verified.push(authorization),
    verify: async () => undefined,
  };
  const limit = createGeneralLimit(BURST_OF_TEN, { ...gateway(newSecret()), callers });
  for (let count = 0; count < 10; count++)
    expect(limit.admit(requestFrom(`203.0.113.${count}`, 'Bearer of-alice')).problem).toBeNull();
  expect(limit.admit(requestFrom('203.0.113.200', 'Bearer of-alice')).problem).not.toBeNull();
  for (let count = 0; count < 10; count++)
    expect(limit.admit(requestFrom('203.0.113.66', `Bearer forged-${count}`)).problem).toBeNull();
  expect(limit.admit(requestFrom('203.0.113.66', 'Bearer forged-again')).problem).not.toBeNull();
  // Rejected requests are not verified.
  expect(verified).toHaveLength(10);
});

test('many buckets are synchronized in few calls', async () => {
  const secret = newSecret();
  const { shared } = gateway(secret);
  const buckets = Array.from({ length: 500 }, (_, index) => ({
    key: `user-${index}`,
    theoreticalArrivalMs: 0,
    unsyncedMs: 1_000 + index,
    sharedKey: '',
  }));
  const groups = shared.groups(buckets, BURST_OF_TEN);
  expect(groups.length).toBeLessThanOrEqual(64);
  expect(groups.flat()).toHaveLength(500);
  for (const group of groups) {
    const ahead = await shared.add(group, BURST_OF_TEN);
    expect(ahead.map(Math.round)).toEqual(group.map(({ unsyncedMs }) => unsyncedMs));
  }
});

const PER_MINUTE = { 'sign-in': 20, registration: 0, 'password-reset': 5 };

test('a strict limit is exact over all gateways under concurrency', async () => {
  const secret = newSecret();
  const limits = Array.from({ length: 3 }, () => createStrictLimits(PER_MINUTE, gateway(secret)));
  const verdicts = await Promise.all(
    Array.from({ length: 90 }, (_, index) => limits[index % 3]?.check('sign-in', '203.0.113.7')),
  );
  const admitted = verdicts.filter((verdict) => verdict?.problem === null);
  expect(admitted).toHaveLength(10);
  const rejected = verdicts.find((verdict) => verdict?.problem)?.problem;
  expect(rejected).toMatchObject({ status: 429, code: 'rate.limited', headers: { 'retry-after': '3' } });
  expect((await limits[0]?.check('sign-in', '203.0.113.8'))?.problem).toBeNull();
  expect(limits[0]?.check('registration', '203.0.113.7')).toBeNull();
});

test('a client over a strict limit is rejected without querying Redis', async () => {
  const limit = createStrictLimits(PER_MINUTE, gateway(newSecret()));
  const check = () => limit.check('password-reset', '203.0.113.7');
  for (let count = 0; count < 3; count++) expect((await check())?.problem).toBeNull();
  expect(check()).not.toBeInstanceOf(Promise);
  const rejected = await check();
  expect(rejected?.headerLines).toBe(
    'RateLimit-Policy: "password-reset";q=3;w=36\r\nRateLimit: "password-reset";r=0;t=12\r\n',
  );
});

test('an unresponsive Redis delays only the first request', async () => {
  const parts = gateway(newSecret());
  const unresponsive = {
    ...parts,
    shared: { ...parts.shared, take: () => new Promise<never>(() => undefined) },
  };
  const limit = createStrictLimits(PER_MINUTE, unresponsive);
  const first = await limit.check('sign-in', '203.0.113.7');
  expect([first?.problem, parts.redis.isAvailable]).toEqual([null, false]);
  const verdicts: RateVerdict[] = [];
  for (let count = 0; count < 10; count++) {
    const verdict = limit.check('sign-in', '203.0.113.7');
    if (verdict instanceof Promise || verdict === null) throw new Error('expected a local decision');
    verdicts.push(verdict);
  }
  expect(verdicts.filter(({ problem }) => problem === null)).toHaveLength(9);
});

test('keys in Redis reveal neither addresses nor users, and expire with their bucket', async () => {
  const secret = newSecret();
  const policy = createRatePolicy('default', 60_000);
  const limit = createGeneralLimit(policy, { ...gateway(secret), callers: nobody });
  limit.admit(requestFrom('203.0.113.77'));
  const { shared } = gateway(secret);
  const bucket = { key: '203.0.113.77', theoreticalArrivalMs: 0, unsyncedMs: 2_000, sharedKey: '' };
  await shared.add([bucket], BURST_OF_TEN);
  expect(bucket.sharedKey).toMatch(/^gateway:rate:\{[\w-]\}:default:[\w-]{22}$/);
  const leftMs = await redis.pTTL(bucket.sharedKey);
  expect(leftMs).toBeGreaterThan(500);
  expect(leftMs).toBeLessThanOrEqual(2_000);
});
