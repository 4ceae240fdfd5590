import { afterAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { readiness } from '#kit/core/readiness';
import { openRedis } from '#kit/redis/client';
import { throttleRedisUrl } from '../../../tests/support/identity';
import { testRuntime, uniqueName } from '../../../tests/support/servers';
import { openCounters } from './counters';
import { budget, type Count, counted, inARow, waitMs } from './rules';

const runtime = testRuntime('auth');
const redis = await openRedis(runtime, { url: throttleRedisUrl(), required: false });
const secret = new TextEncoder().encode('a secret for this test');
const unavailable = testRuntime('auth');
const noRedis = await openRedis(unavailable, { url: 'redis://127.0.0.1:1', required: false });

afterAll(async () => {
  await unavailable.close();
  await runtime.close();
});

const RULE = budget('test', 3, 60_000);
/** Of this run only. */
const subject = () => [uniqueName('subject')];

test('Redis counts as the rules do, over any time', async () => {
  let nowMs = 1_000_000;
  const counters = openCounters(runtime, redis, { secret, now: () => nowMs });
  const pauses = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(pauses, fc.constantFrom(RULE, inARow('test')), async (history, rule) => {
      const thing = { rule, subject: subject() };
      let expected: Count | undefined;
      for (const pause of history) {
        nowMs += pause;
        expected = counted(expected, rule, nowMs);
        await counters.count([thing]);
        const [wait = Number.NaN] = await counters.waits([thing]);
        expect(Math.abs(wait - waitMs(expected, rule, nowMs))).toBeLessThan(2);
      }
    }),
    { numRuns: 20 },
  );
});

test.each([
  ['in Redis', redis, runtime],
  ['in each process while Redis is unavailable', noRedis, unavailable],
])('of many at the same time exactly the budget is taken, %s', async (_where, store, owner) => {
  const counters = openCounters(owner, store, { secret, now: () => 1_000_000 });
  const thing = { rule: RULE, subject: subject() };
  const taken = await Promise.all(Array.from({ length: 20 }, () => counters.take(thing)));
  expect(taken.filter(Boolean)).toHaveLength(3);
  expect(await counters.waits([thing])).toEqual([60_000]);
  await counters.forget([thing]);
  expect(await counters.take(thing)).toBe(true);
});

test('a count outlives the process that counted, and is found with the same secret only', async () => {
  const thing = { rule: RULE, subject: subject() };
  const now = () => 1_000_000;
  const before = openCounters(runtime, redis, { secret, now });
  for (let time = 0; time < 3; time++) await before.count([thing]);
  expect(await openCounters(runtime, redis, { secret, now }).waits([thing])).toEqual([60_000]);
  const other = new TextEncoder().encode('another secret of this test');
  expect(await openCounters(runtime, redis, { secret: other, now }).waits([thing])).toEqual([0]);
});

test('readiness says that limits are counted in each process while Redis is unavailable', async () => {
  const { ready, status, dependencies } = await readiness(unavailable);
  expect([ready, status]).toEqual([true, 'degraded']);
  expect(dependencies['sign-in limits']).toMatchObject({
    status: 'down',
    required: false,
    detail: expect.stringContaining('each instance counts'),
  });
});
