import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { CircuitBreaker, Ending } from '../model/resilience';
import { createCircuitBreaker } from './circuit-breaker';

function createScene(bounds = { concurrency: 1_000, queue: 2 }) {
  const clock = { ms: 0 };
  const told: boolean[] = [];
  const breaker = createCircuitBreaker(
    bounds,
    () => clock.ms,
    (isOpen) => void told.push(isOpen),
  );
  const run = (ending: Ending, times: number) => {
    for (let time = 0; time < times; time++) {
      breaker.begin();
      breaker.end(ending);
    }
  };
  return { breaker, clock, told, run };
}

/** A request that waits in the queue, and what it was told. */
function waiterAt(breaker: CircuitBreaker, takesPlace = true) {
  const heard: string[] = [];
  const waiter = {
    admitted() {
      heard.push('admitted');
      if (takesPlace) breaker.begin();
    },
    refused: () => void heard.push('refused'),
  };
  return { waiter, heard, enqueued: breaker.enqueue(waiter) };
}

describe('as many requests as there are places', () => {
  test('are admitted, so many more wait, and the rest is turned away', () => {
    const { breaker } = createScene({ concurrency: 2, queue: 1 });
    for (let place = 0; place < 2; place++) {
      expect(breaker.admits()).toBe(true);
      breaker.begin();
    }
    expect(breaker.admits()).toBe(false);
    expect(waiterAt(breaker).enqueued).toBe(true);
    expect(waiterAt(breaker).enqueued).toBe(false);
    expect(breaker.retryAfterSeconds()).toBe(1);
  });

  test('those who wait get places in the order they came', () => {
    const { breaker } = createScene({ concurrency: 1, queue: 3 });
    breaker.begin();
    const [first, second, third] = [waiterAt(breaker), waiterAt(breaker), waiterAt(breaker)];
    breaker.withdraw(second.waiter);
    breaker.end('answered');
    expect([first.heard, second.heard, third.heard]).toEqual([['admitted'], [], []]);
    breaker.end('failed');
    expect(third.heard).toEqual(['admitted']);
    expect(breaker.queued).toBe(0);
  });

  test('one that is admitted before it is whole holds no place, and the next is admitted too', () => {
    const { breaker } = createScene({ concurrency: 1, queue: 3 });
    breaker.begin();
    const [first, second] = [waiterAt(breaker, false), waiterAt(breaker)];
    breaker.end('answered');
    expect([first.heard, second.heard]).toEqual([['admitted'], ['admitted']]);
  });
});

describe('a service that does not answer', () => {
  test('is not asked for two seconds when half of at least twenty got no answer, then by one at a time', () => {
    const { breaker, clock, told, run } = createScene();
    run('answered', 1_000);
    run('failed', 19);
    expect(breaker.isOpen).toBe(false);
    run('failed', 1);
    expect([breaker.isOpen, breaker.admits(), breaker.retryAfterSeconds()]).toEqual([true, false, 2]);
    expect(waiterAt(breaker).enqueued).toBe(false);
    clock.ms += 2_000;
    expect(breaker.admits()).toBe(true);
    breaker.begin();
    expect(breaker.admits()).toBe(false);
    breaker.end('failed');
    expect(breaker.admits()).toBe(false);
    clock.ms += 2_000;
    run('unknown', 1);
    expect(breaker.admits()).toBe(true);
    run('answered', 1);
    expect(breaker.isOpen).toBe(false);
    expect(told).toEqual([true, false]);
  });

  test('is asked on while more than half is answered, or the failures are spread over a long time', () => {
    const { breaker, clock, run } = createScene();
    for (let round = 0; round < 50; round++) {
      run('failed', 1);
      run('answered', 2);
    }
    expect(breaker.isOpen).toBe(false);
    for (let round = 0; round < 50; round++) {
      clock.ms += 1_000;
      run('failed', 1);
    }
    expect(breaker.isOpen).toBe(false);
  });

  test('refuses at once those who were waiting', () => {
    const { breaker } = createScene({ concurrency: 20, queue: 1 });
    for (let place = 0; place < 20; place++) breaker.begin();
    const { heard, enqueued } = waiterAt(breaker, false);
    expect(enqueued).toBe(true);
    for (let place = 0; place < 20; place++) breaker.end('failed');
    expect(heard[0]).toBe('admitted');
    const late = createScene({ concurrency: 0, queue: 1 });
    const waiting = waiterAt(late.breaker);
    late.run('failed', 20);
    expect(waiting.heard).toEqual(['refused']);
  });

  test('is asked at once when an instance has come', () => {
    const { breaker, run } = createScene();
    run('failed', 20);
    expect(breaker.admits()).toBe(false);
    breaker.instancesChanged();
    expect(breaker.admits()).toBe(true);
  });
});

test('whatever happens, nobody waits while there is room, and everybody who waited hears exactly once', () => {
  const step = fc.record({
    kind: fc.constantFrom('come', 'end', 'withdraw', 'wait'),
    ending: fc.constantFrom<Ending>('answered', 'failed', 'unknown'),
    which: fc.nat(10),
    ms: fc.nat(5_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const { breaker, clock } = createScene({ concurrency: 3, queue: 2 });
      const waiting: ReturnType<typeof waiterAt>[] = [];
      const withdrawn = new Set<unknown>();
      for (const { kind, ending, which, ms } of steps) {
        if (kind === 'come' && breaker.admits()) breaker.begin();
        else if (kind === 'come') {
          const one = waiterAt(breaker);
          if (one.enqueued) waiting.push(one);
        } else if (kind === 'end' && breaker.inFlight > 0) breaker.end(ending);
        else if (kind === 'wait') clock.ms += ms;
        else if (kind === 'withdraw') {
          const one = waiting[which];
          if (one !== undefined && one.heard.length === 0) {
            withdrawn.add(one);
            breaker.withdraw(one.waiter);
          }
        }
        expect(breaker.inFlight).toBeLessThanOrEqual(3);
        const silent = waiting.filter((one) => one.heard.length === 0 && !withdrawn.has(one));
        expect(silent.length).toBe(breaker.queued);
        if (breaker.queued > 0) expect(breaker.admits()).toBe(false);
        for (const { heard } of waiting) expect(heard.length).toBeLessThanOrEqual(1);
      }
    }),
  );
});
