import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { CallOutcome, CircuitBreaker } from '../model/resilience';
import { createCircuitBreaker } from './circuit-breaker';

function setUp(thresholds = { concurrency: 1_000, queue: 2 }) {
  const clock = { ms: 0 };
  const changes: boolean[] = [];
  const breaker = createCircuitBreaker(
    thresholds,
    () => clock.ms,
    (isOpen) => void changes.push(isOpen),
  );
  const run = (outcome: CallOutcome, times: number) => {
    for (let time = 0; time < times; time++) {
      breaker.begin();
      breaker.end(outcome);
    }
  };
  return { breaker, clock, changes, run };
}

/** A queued request, and its events. */
function queuedAt(breaker: CircuitBreaker, acquires = true) {
  const events: string[] = [];
  const request = {
    admitted() {
      events.push('admitted');
      if (acquires) breaker.begin();
    },
    rejected: () => void events.push('rejected'),
  };
  return { request, events, enqueued: breaker.enqueue(request) };
}

describe('requests up to the concurrency limit', () => {
  test('are admitted, further ones queued up to the limit, and the rest rejected', () => {
    const { breaker } = setUp({ concurrency: 2, queue: 1 });
    for (let permit = 0; permit < 2; permit++) {
      expect(breaker.admits()).toBe(true);
      breaker.begin();
    }
    expect(breaker.admits()).toBe(false);
    expect(queuedAt(breaker).enqueued).toBe(true);
    expect(queuedAt(breaker).enqueued).toBe(false);
    expect(breaker.retryAfterSeconds()).toBe(1);
  });

  test('queued requests are admitted in order', () => {
    const { breaker } = setUp({ concurrency: 1, queue: 3 });
    breaker.begin();
    const [first, second, third] = [queuedAt(breaker), queuedAt(breaker), queuedAt(breaker)];
    breaker.withdraw(second.request);
    breaker.end('responded');
    expect([first.events, second.events, third.events]).toEqual([['admitted'], [], []]);
    breaker.end('failed');
    expect(third.events).toEqual(['admitted']);
    expect(breaker.queued).toBe(0);
  });

  test('one that is admitted before it is complete holds no permit, and the next is admitted too', () => {
    const { breaker } = setUp({ concurrency: 1, queue: 3 });
    breaker.begin();
    const [first, second] = [queuedAt(breaker, false), queuedAt(breaker)];
    breaker.end('responded');
    expect([first.events, second.events]).toEqual([['admitted'], ['admitted']]);
  });
});

describe('a failing service', () => {
  test('opens its circuit for two seconds when half of at least twenty failed, then admits one probe at a time', () => {
    const { breaker, clock, changes, run } = setUp();
    run('responded', 1_000);
    run('failed', 19);
    expect(breaker.isOpen).toBe(false);
    run('failed', 1);
    expect([breaker.isOpen, breaker.admits(), breaker.retryAfterSeconds()]).toEqual([true, false, 2]);
    expect(queuedAt(breaker).enqueued).toBe(false);
    clock.ms += 2_000;
    expect(breaker.admits()).toBe(true);
    breaker.begin();
    expect(breaker.admits()).toBe(false);
    breaker.end('failed');
    expect(breaker.admits()).toBe(false);
    clock.ms += 2_000;
    run('unknown', 1);
    expect(breaker.admits()).toBe(true);
    run('responded', 1);
    expect(breaker.isOpen).toBe(false);
    expect(changes).toEqual([true, false]);
  });

  test('keeps its circuit closed while more than half succeed, or the failures are spread over time', () => {
    const { breaker, clock, run } = setUp();
    for (let round = 0; round < 50; round++) {
      run('failed', 1);
      run('responded', 2);
    }
    expect(breaker.isOpen).toBe(false);
    for (let round = 0; round < 50; round++) {
      clock.ms += 1_000;
      run('failed', 1);
    }
    expect(breaker.isOpen).toBe(false);
  });

  test('rejects its queued requests when the circuit opens', () => {
    const { breaker } = setUp({ concurrency: 20, queue: 1 });
    for (let permit = 0; permit < 20; permit++) breaker.begin();
    const { events, enqueued } = queuedAt(breaker, false);
    expect(enqueued).toBe(true);
    for (let permit = 0; permit < 20; permit++) breaker.end('failed');
    expect(events[0]).toBe('admitted');
    const late = setUp({ concurrency: 0, queue: 1 });
    const waiting = queuedAt(late.breaker);
    late.run('failed', 20);
    expect(waiting.events).toEqual(['rejected']);
  });

  test('is probed at once when its instances change', () => {
    const { breaker, run } = setUp();
    run('failed', 20);
    expect(breaker.admits()).toBe(false);
    breaker.instancesChanged();
    expect(breaker.admits()).toBe(true);
  });
});

test('no request is queued while there is capacity, and each queued one is settled exactly once, in any sequence', () => {
  const step = fc.record({
    kind: fc.constantFrom('come', 'end', 'withdraw', 'wait'),
    outcome: fc.constantFrom<CallOutcome>('responded', 'failed', 'unknown'),
    which: fc.nat(10),
    ms: fc.nat(5_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const { breaker, clock } = setUp({ concurrency: 3, queue: 2 });
      const waiting: ReturnType<typeof queuedAt>[] = [];
      const withdrawn = new Set<unknown>();
      for (const { kind, outcome, which, ms } of steps) {
        if (kind === 'come' && breaker.admits()) breaker.begin();
        else if (kind === 'come') {
          const one = queuedAt(breaker);
          if (one.enqueued) waiting.push(one);
        } else if (kind === 'end' && breaker.inFlight > 0) breaker.end(outcome);
        else if (kind === 'wait') clock.ms += ms;
        else if (kind === 'withdraw') {
          const one = waiting[which];
          if (one !== undefined && one.events.length === 0) {
            withdrawn.add(one);
            breaker.withdraw(one.request);
          }
        }
        expect(breaker.inFlight).toBeLessThanOrEqual(3);
        const silent = waiting.filter((one) => one.events.length === 0 && !withdrawn.has(one));
        expect(silent.length).toBe(breaker.queued);
        if (breaker.queued > 0) expect(breaker.admits()).toBe(false);
        for (const { events } of waiting) expect(events.length).toBeLessThanOrEqual(1);
      }
    }),
  );
});
