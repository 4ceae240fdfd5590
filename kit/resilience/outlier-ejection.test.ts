import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  createOutlierEjection,
  createOutlierState,
  ejectionsNow,
  mayProbe,
  type OutlierState,
} from './outlier-ejection';

const BASE_MS = 30_000;

function createScene(count: number) {
  const states = Array.from({ length: count }, createOutlierState);
  const ejection = createOutlierEjection();
  ejection.setMembers(states);
  const [first = createOutlierState(), second = createOutlierState()] = states;
  const failTimes = (state: OutlierState, times: number, nowMs: number) => {
    let change: ReturnType<typeof ejection.failed> = null;
    for (let time = 0; time < times; time++) change = ejection.failed(state, false, nowMs);
    return change;
  };
  const probe = (state: OutlierState, ok: boolean, nowMs: number) => {
    state.probing = true;
    return ok ? ejection.succeeded(state, true, nowMs) : ejection.failed(state, true, nowMs);
  };
  return { ejection, states, first, second, failTimes, probe };
}

describe('an instance is ejected', () => {
  test('after five consecutive failures; a success resets the count', () => {
    const { ejection, first, failTimes } = createScene(3);
    expect(failTimes(first, 4, 0)).toBeNull();
    ejection.succeeded(first, false, 0);
    expect(failTimes(first, 4, 0)).toBeNull();
    expect(failTimes(first, 1, 0)).toBe('ejected');
    expect(first.ejectedUntilMs).toBe(BASE_MS);
  });

  test('in the place of the one ejected longest where half of all are ejected already', () => {
    const { first, second, failTimes } = createScene(2);
    expect(failTimes(first, 5, 0)).toBe('ejected');
    expect(failTimes(second, 5, 100)).toBe('ejected');
    expect(first).toMatchObject({ ejectedUntilMs: null, consecutiveFailures: 0, ejections: 0 });
    // At most once a second, and without longer and longer ejections.
    expect(failTimes(first, 50, 200)).toBeNull();
    for (let nowMs = 1_100; nowMs < 100_000; nowMs += 1_000) {
      const failing = first.ejectedUntilMs === null ? first : second;
      failTimes(failing, 5, nowMs);
      expect(failing.ejectedUntilMs).toBe(nowMs + BASE_MS);
    }
  });

  test('unless it is the only one', () => {
    const one = createScene(1);
    expect(one.failTimes(one.first, 50, 0)).toBeNull();
  });

  test('for 30 s times the number of its ejections, up to 300 s', () => {
    const { first, failTimes, probe } = createScene(2);
    failTimes(first, 5, 0);
    for (let ejection = 2; ejection <= 20; ejection++) {
      const nowMs = first.ejectedUntilMs ?? 0;
      expect(probe(first, false, nowMs)).toBe('ejected');
      expect((first.ejectedUntilMs ?? 0) - nowMs).toBe(Math.min(ejection * BASE_MS, 300_000));
    }
  });

  test('for a shorter time after it has been healthy for a while', () => {
    const { first, failTimes, probe } = createScene(2);
    failTimes(first, 5, 0);
    probe(first, false, 30_000);
    probe(first, false, 90_000);
    expect(first.ejections).toBe(3);
    expect(probe(first, true, 180_000)).toBe('returned');
    expect(ejectionsNow(first, 180_000 + 2 * BASE_MS)).toBe(1);
    failTimes(first, 5, 180_000 + 2 * BASE_MS);
    expect(first.ejections).toBe(2);
  });
});

describe('an ejected instance', () => {
  test('is probed by one request at a time after its ejection time, until one succeeds', () => {
    const { first, failTimes, probe } = createScene(2);
    failTimes(first, 5, 0);
    expect(mayProbe(first, BASE_MS - 1, true)).toBe(false);
    expect(mayProbe(first, BASE_MS, true)).toBe(true);
    first.probing = true;
    expect(mayProbe(first, BASE_MS, true)).toBe(false);
    expect(probe(first, true, BASE_MS)).toBe('returned');
    expect(first).toMatchObject({ ejectedUntilMs: null, probing: false, consecutiveFailures: 0 });
  });

  test('is probed by retryable requests, and by others only after another 30 s', () => {
    const { first, failTimes } = createScene(2);
    failTimes(first, 5, 0);
    expect(mayProbe(first, BASE_MS, false)).toBe(false);
    expect(mayProbe(first, 2 * BASE_MS, false)).toBe(true);
  });

  test('ignores the outcome of requests sent before its ejection', () => {
    const { ejection, first, failTimes } = createScene(2);
    failTimes(first, 5, 0);
    expect(ejection.succeeded(first, false, 1)).toBeNull();
    expect(ejection.failed(first, false, 1)).toBeNull();
    expect(first).toMatchObject({ ejectedUntilMs: BASE_MS, ejections: 1 });
  });

  test('returns, the one ejected longest first, when members leave and more than half would be ejected', () => {
    const { ejection, states, first, second, failTimes } = createScene(4);
    failTimes(first, 5, 0);
    failTimes(second, 5, 1_000);
    ejection.setMembers(states.slice(0, 3));
    expect([first.ejectedUntilMs, second.ejectedUntilMs]).toEqual([null, 1_000 + BASE_MS]);
    ejection.setMembers([second]);
    expect(second.ejectedUntilMs).toBeNull();
  });
});

test('never more than half are ejected, and each is probed by one request at a time', () => {
  const step = fc.record({
    who: fc.nat(5),
    kind: fc.constantFrom('failed', 'succeeded', 'probe', 'wait', 'members'),
    ms: fc.nat(100_000),
    ok: fc.boolean(),
    present: fc.subarray([0, 1, 2, 3, 4, 5]),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { ejection, states } = createScene(6);
      let present: readonly OutlierState[] = states;
      let nowMs = 0;
      for (const { who, kind, ms, ok, present: indexes } of steps) {
        const state = states[who] ?? createOutlierState();
        if (kind === 'wait') nowMs += ms;
        else if (kind === 'members') {
          present = indexes.flatMap((index) => states[index] ?? []);
          ejection.setMembers(present);
        } else if (kind === 'failed')
          for (let time = 0; time < 5; time++) ejection.failed(state, false, nowMs);
        else if (kind === 'succeeded') ejection.succeeded(state, false, nowMs);
        else if (mayProbe(state, nowMs, true)) {
          state.probing = true;
          expect(mayProbe(state, nowMs, true)).toBe(false);
          if (ok) ejection.succeeded(state, true, nowMs);
          else ejection.failed(state, true, nowMs);
          expect(state.ejectedUntilMs === null).toBe(ok);
        }
        const ejected = present.filter(({ ejectedUntilMs }) => ejectedUntilMs !== null);
        expect(ejected.length).toBeLessThanOrEqual(present.length / 2);
        for (const { ejectedUntilMs } of ejected)
          expect((ejectedUntilMs ?? 0) - nowMs).toBeLessThanOrEqual(300_000);
      }
    }),
  );
});
