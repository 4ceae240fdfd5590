import { afterAll, beforeAll, expect, test } from 'bun:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openRedis, type Redis } from '#kit/redis/client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { headerLine } from '../http1/field-lines';
import { NO_BODY } from '../http1/framing';
import type { RequestContext } from '../model/request-context';
import { createContext } from '../proxy/request-context';
import { createGeneralLimit } from './general-limit';
import { createRatePolicy } from './rate-policy';
import { createSharing } from './redis-availability';
import { createSharedMeters } from './shared-buckets';
import { createStrictLimits, type Verdict } from './strict-limits';

const runtime = testRuntime('shared-limits');
let redis: Redis;

beforeAll(async () => {
  redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: false });
});
afterAll(() => runtime.close());

/** Keys are made with the secret, so each test counts for itself. */
const newSecret = () => uniqueName('secret');

function requestFrom(address: string, authorization?: string): RequestContext {
  const headers = authorization === undefined ? [] : [headerLine('Authorization', authorization)];
  const head = { method: 'GET', target: '/', httpVersion: '1.1', headers } as const;
  const rest = { keepAlive: true, expectsContinue: false, upgradesToWebSocket: false };
  const request = { head, framing: NO_BODY, host: 'a', ...rest, connectionOptions: null };
  const arrival = { address, secure: false, trusted: false, lastOrigin: null };
  return createContext(request, arrival, () => false, 1);
}

/** What one gateway has of its own. */
function gateway(secret: string) {
  const sharing = createSharing(pino({ level: 'silent' }), new Registry());
  return { shared: createSharedMeters(redis, secret), sharing, clock: () => performance.now() };
}

const nobody = { userOf: () => null, learn: () => undefined };
/** Refilled so slowly that nothing comes back while a test runs. */
const TEN_AT_ONCE = createRatePolicy('default', 20);

function generalLimits(count: number) {
  const secret = newSecret();
  return Array.from({ length: count }, () =>
    createGeneralLimit(TEN_AT_ONCE, { ...gateway(secret), callers: nobody }),
  );
}

test('what one gateway has admitted, the other knows after a round, and has to wait for', async () => {
  const [one, other] = generalLimits(2);
  if (!one || !other) throw new Error('no gateways');
  const admits = (limit: typeof one) => limit.admit(requestFrom('203.0.113.7')) === null;
  expect(Array.from({ length: 10 }, () => admits(one))).not.toContain(false);
  await one.share();
  expect(admits(other)).toBe(true);
  await other.share();
  expect(admits(other)).toBe(false);
  expect(other.admit(requestFrom('203.0.113.8'))).toBeNull();
});

test('of a flood over several gateways each admits at most its burst before it hears of the others', async () => {
  const limits = generalLimits(3);
  const admitted = () =>
    limits.map((limit) => {
      let count = 0;
      while (limit.admit(requestFrom('203.0.113.9')) === null) count++;
      return count;
    });
  const share = () => Promise.all(limits.map((limit) => limit.share()));
  expect(admitted()).toEqual([10, 10, 10]);
  await share();
  // Thirty have gone through: not ten every half a minute from now on, but none until twenty are paid off.
  const last = requestFrom('203.0.113.9');
  const refusal = limits.map((limit) => Number(limit.admit(last)?.headers['retry-after']));
  expect(Math.max(...refusal)).toBeGreaterThan(60 - 2);
  expect(last.responseLines).toContain('RateLimit: "default";r=0;t=');
});

test('addresses of one IPv6 network are one', async () => {
  const [limit] = generalLimits(1);
  for (let count = 0; count < 10; count++)
    expect(limit?.admit(requestFrom(`2001:db8:1:2::${count}`))).toBeNull();
  expect(limit?.admit(requestFrom('2001:db8:1:2:ffff::1'))?.code).toBe('rate.limited');
  expect(limit?.admit(requestFrom('2001:db8:1:3::1'))).toBeNull();
});

test('a verified user is counted wherever they come from, a forged token where it comes from', () => {
  const learned: string[] = [];
  const callers = {
    userOf: (authorization: string) => (authorization === 'Bearer of-alice' ? '@alice' : null),
    learn: (authorization: string) => void learned.push(authorization),
  };
  const limit = createGeneralLimit(TEN_AT_ONCE, { ...gateway(newSecret()), callers });
  for (let count = 0; count < 10; count++)
    expect(limit.admit(requestFrom(`203.0.113.${count}`, 'Bearer of-alice'))).toBeNull();
  expect(limit.admit(requestFrom('203.0.113.200', 'Bearer of-alice'))).not.toBeNull();
  for (let count = 0; count < 10; count++)
    expect(limit.admit(requestFrom('203.0.113.66', `Bearer forged-${count}`))).toBeNull();
  expect(limit.admit(requestFrom('203.0.113.66', 'Bearer forged-again'))).not.toBeNull();
  // A flood is not verified.
  expect(learned).toHaveLength(10);
});

test('many who ask are told of in few calls, each with what is theirs', async () => {
  const secret = newSecret();
  const { shared } = gateway(secret);
  const meters = Array.from({ length: 500 }, (_, index) => ({
    key: `user-${index}`,
    restoredAtMs: 0,
    unsharedMs: 1_000 + index,
    sharedKey: '',
  }));
  const groups = shared.groups(meters, TEN_AT_ONCE);
  expect(groups.length).toBeLessThanOrEqual(64);
  expect(groups.flat()).toHaveLength(500);
  for (const group of groups) {
    const ahead = await shared.add(group, TEN_AT_ONCE);
    expect(ahead.map(Math.round)).toEqual(group.map(({ unsharedMs }) => unsharedMs));
  }
});

const PER_MINUTE = { 'sign-in': 20, registration: 0, 'password-reset': 5 };

test('a strict limit is exact over all gateways, however many ask at once', async () => {
  const secret = newSecret();
  const limits = Array.from({ length: 3 }, () => createStrictLimits(PER_MINUTE, gateway(secret)));
  const verdicts = await Promise.all(
    Array.from({ length: 90 }, (_, index) => limits[index % 3]?.ask('sign-in', '203.0.113.7')),
  );
  const admitted = verdicts.filter((verdict) => verdict?.problem === null);
  expect(admitted).toHaveLength(10);
  const refused = verdicts.find((verdict) => verdict?.problem)?.problem;
  expect(refused).toMatchObject({ status: 429, code: 'rate.limited', headers: { 'retry-after': '3' } });
  expect((await limits[0]?.ask('sign-in', '203.0.113.8'))?.problem).toBeNull();
  expect(limits[0]?.ask('registration', '203.0.113.7')).toBeNull();
});

test('who is over a strict limit is refused at once, and Redis is left alone', async () => {
  const limit = createStrictLimits(PER_MINUTE, gateway(newSecret()));
  const ask = () => limit.ask('password-reset', '203.0.113.7');
  for (let count = 0; count < 3; count++) expect((await ask())?.problem).toBeNull();
  expect(ask()).not.toBeInstanceOf(Promise);
  const refused = await ask();
  expect(refused?.lines).toBe(
    'RateLimit-Policy: "password-reset";q=3;w=36\r\nRateLimit: "password-reset";r=0;t=12\r\n',
  );
});

test('a Redis that does not answer is waited for once, and then not', async () => {
  const parts = gateway(newSecret());
  const silent = { ...parts, shared: { ...parts.shared, take: () => new Promise<never>(() => undefined) } };
  const limit = createStrictLimits(PER_MINUTE, silent);
  const first = await limit.ask('sign-in', '203.0.113.7');
  expect([first?.problem, parts.sharing.works]).toEqual([null, false]);
  const verdicts: Verdict[] = [];
  for (let count = 0; count < 10; count++) {
    const verdict = limit.ask('sign-in', '203.0.113.7');
    if (verdict instanceof Promise || verdict === null) throw new Error('it was waited for');
    verdicts.push(verdict);
  }
  expect(verdicts.filter(({ problem }) => problem === null)).toHaveLength(9);
});

test('Redis learns neither addresses nor users, and forgets who has everything back', async () => {
  const secret = newSecret();
  const policy = createRatePolicy('default', 60_000);
  const limit = createGeneralLimit(policy, { ...gateway(secret), callers: nobody });
  limit.admit(requestFrom('203.0.113.77'));
  const { shared } = gateway(secret);
  const meter = { key: '203.0.113.77', restoredAtMs: 0, unsharedMs: 2_000, sharedKey: '' };
  await shared.add([meter], TEN_AT_ONCE);
  expect(meter.sharedKey).toMatch(/^gateway:rate:\{[\w-]\}:default:[\w-]{22}$/);
  const leftMs = await redis.pTTL(meter.sharedKey);
  expect(leftMs).toBeGreaterThan(500);
  expect(leftMs).toBeLessThanOrEqual(2_000);
});
