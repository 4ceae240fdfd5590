import { expect, test } from 'bun:test';
import type { Ending } from '../model/resilience';
import { createCircuitBreaker } from './circuit-breaker';
import { withPlace } from './with-permit';

const REFUSAL = new Error('refused');

function createScene(bounds: { concurrency: number; queue: number }) {
  const breaker = createCircuitBreaker(bounds, () => 0);
  /** A call that ends when it is told to. */
  function call(ending: Ending = 'failed') {
    const outcome = Promise.withResolvers<string>();
    const made = { count: 0 };
    const answer = withPlace(
      breaker,
      () => {
        made.count++;
        return outcome.promise;
      },
      () => ending,
      () => REFUSAL,
    );
    return { ...outcome, answer, made };
  }
  return { breaker, call };
}

test('a call holds a place until it has ended, one way or the other', async () => {
  const { breaker, call } = createScene({ concurrency: 2, queue: 0 });
  const [good, bad] = [call(), call()];
  expect(breaker.inFlight).toBe(2);
  expect(await call().answer.catch((failure: unknown) => failure)).toBe(REFUSAL);
  good.resolve('answer');
  bad.reject(new Error('away'));
  expect(await good.answer).toBe('answer');
  await expect(bad.answer).rejects.toThrow('away');
  expect(breaker.inFlight).toBe(0);
});

test('a call that waits is made when a place is free, and not before', async () => {
  const { breaker, call } = createScene({ concurrency: 1, queue: 1 });
  const first = call();
  const second = call();
  expect([breaker.queued, second.made.count]).toEqual([1, 0]);
  first.resolve('first');
  second.resolve('second');
  expect([await first.answer, await second.answer]).toEqual(['first', 'second']);
  expect(breaker).toMatchObject({ inFlight: 0, queued: 0, begun: 2 });
});

test('a call that waited for a second is refused, and never made', async () => {
  const { breaker, call } = createScene({ concurrency: 1, queue: 1 });
  const first = call();
  const second = call();
  expect(await second.answer.catch((failure: unknown) => failure)).toBe(REFUSAL);
  first.resolve('first');
  await first.answer;
  expect(second.made.count).toBe(0);
  expect(breaker).toMatchObject({ inFlight: 0, queued: 0 });
});

test('calls without an answer open the circuit', async () => {
  const { breaker, call } = createScene({ concurrency: 1, queue: 0 });
  for (let made = 0; made < 20; made++) {
    const one = call('failed');
    one.reject(new Error('away'));
    await one.answer.catch(() => undefined);
  }
  expect(breaker.isOpen).toBe(true);
  expect(await call().answer.catch((failure: unknown) => failure)).toBe(REFUSAL);
});
