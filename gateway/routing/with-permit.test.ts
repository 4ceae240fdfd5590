import { expect, test } from 'bun:test';
import type { CallOutcome } from '../model/resilience';
import { createCircuitBreaker } from './circuit-breaker';
import { withPermit } from './with-permit';

const REJECTION = new Error('rejected');

function setUp(thresholds: { concurrency: number; queue: number }) {
  const breaker = createCircuitBreaker(thresholds, () => 0);
  /** A call that settles on demand. */
  function call(callOutcome: CallOutcome = 'failed') {
    const outcome = Promise.withResolvers<string>();
    const made = { count: 0 };
    const result = withPermit(
      breaker,
      () => {
        made.count++;
        return outcome.promise;
      },
      { outcomeOf: () => callOutcome, rejection: () => REJECTION },
    );
    return { ...outcome, result, made };
  }
  return { breaker, call };
}

test('a call holds a permit until it has settled', async () => {
  const { breaker, call } = setUp({ concurrency: 2, queue: 0 });
  const [good, bad] = [call(), call()];
  expect(breaker.inFlight).toBe(2);
  expect(await call().result.catch((failure: unknown) => failure)).toBe(REJECTION);
  good.resolve('result');
  bad.reject(new Error('unavailable'));
  expect(await good.result).toBe('result');
  await expect(bad.result).rejects.toThrow('unavailable');
  expect(breaker.inFlight).toBe(0);
});

test('a queued call is made when a permit is free, and not before', async () => {
  const { breaker, call } = setUp({ concurrency: 1, queue: 1 });
  const first = call();
  const second = call();
  expect([breaker.queued, second.made.count]).toEqual([1, 0]);
  first.resolve('first');
  second.resolve('second');
  expect([await first.result, await second.result]).toEqual(['first', 'second']);
  expect(breaker).toMatchObject({ inFlight: 0, queued: 0, begun: 2 });
});

test('a call that was queued for a second is rejected, and never made', async () => {
  const { breaker, call } = setUp({ concurrency: 1, queue: 1 });
  const first = call();
  const second = call();
  expect(await second.result.catch((failure: unknown) => failure)).toBe(REJECTION);
  first.resolve('first');
  await first.result;
  expect(second.made.count).toBe(0);
  expect(breaker).toMatchObject({ inFlight: 0, queued: 0 });
});

test('failed calls open the circuit', async () => {
  const { breaker, call } = setUp({ concurrency: 1, queue: 0 });
  for (let made = 0; made < 20; made++) {
    const one = call('failed');
    one.reject(new Error('unavailable'));
    await one.result.catch(() => undefined);
  }
  expect(breaker.isOpen).toBe(true);
  expect(await call().result.catch((failure: unknown) => failure)).toBe(REJECTION);
});
