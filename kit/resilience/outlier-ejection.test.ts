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
  const standings = Array.from({ length: count }, createOutlierState);
  const ejection = createOutlierEjection();
  ejection.setMembers(standings);
  const [first = createOutlierState(), second = createOutlierState()] = standings;
  const failTimes = (standing: OutlierState, times: number, nowMs: number) => {
    let change: ReturnType<typeof ejection.failed> = null;
    for (let time = 0; time < times; time++) change = ejection.failed(standing, false, nowMs);
    return change;
  };
  const probe = (standing: OutlierState, ok: boolean, nowMs: number) => {
    standing.probing = true;
    return ok ? ejection.succeeded(standing, true, nowMs) : ejection.failed(standing, true, nowMs);
  };
  return { ejection, standings, first, second, failTimes, probe };
}

describe('an instance is ejected', () => {
  test('after five failures in a row, and not after four with a success between them and the next', () => {
    const { ejection, first, failTimes } = createScene(3);
    expect(failTimes(first, 4, 0)).toBeNull();
    ejection.succeeded(first, false, 0);
    expect(failTimes(first, 4, 0)).toBeNull();
    expect(failTimes(first, 1, 0)).toBe('ejected');
    expect(first.ejectedUntilMs).toBe(BASE_MS);
  });

  test('but not when half of all are already, and of one instance none', () => {
    const three = createScene(3);
    three.failTimes(three.first, 5, 0);
    expect(three.failTimes(three.second, 50, 0)).toBeNull();
    const one = createScene(1);
    expect(one.failTimes(one.first, 50, 0)).toBeNull();
  });

  test('for 30 s times the number of ejections, and never longer than 300 s', () => {
    const { first, failTimes, probe } = createScene(2);
    failTimes(first, 5, 0);
    for (let ejection = 2; ejection <= 20; ejection++) {
      const nowMs = first.ejectedUntilMs ?? 0;
      expect(probe(first, false, nowMs)).toBe('ejected');
      expect((first.ejectedUntilMs ?? 0) - nowMs).toBe(Math.min(ejection * BASE_MS, 300_000));
    }
  });

  test('for a shorter time again after it was well for a while', () => {
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
  test('is asked by one request at a time when its time is over, until one succeeds', () => {
    const { first, failTimes, probe } = createScene(2);
    failTimes(first, 5, 0);
    expect(mayProbe(first, BASE_MS - 1, true)).toBe(false);
    expect(mayProbe(first, BASE_MS, true)).toBe(true);
    first.probing = true;
    expect(mayProbe(first, BASE_MS, true)).toBe(false);
    expect(probe(first, true, BASE_MS)).toBe('returned');
    expect(first).toMatchObject({ ejectedUntilMs: null, probing: false, consecutiveFailures: 0 });
  });

  test('is found out about by a request that can be repeated, by others only when none came for 30 s', () => {
    const { first, failTimes } = createScene(2);
    failTimes(first, 5, 0);
    expect(mayProbe(first, BASE_MS, false)).toBe(false);
    expect(mayProbe(first, 2 * BASE_MS, false)).toBe(true);
  });

  test('does not come back by what was sent before', () => {
    const { ejection, first, failTimes } = createScene(2);
    failTimes(first, 5, 0);
    expect(ejection.succeeded(first, false, 1)).toBeNull();
    expect(ejection.failed(first, false, 1)).toBeNull();
    expect(first).toMatchObject({ ejectedUntilMs: BASE_MS, ejections: 1 });
  });

  test('comes back, the one ejected longest first, when so many others leave that it would be more than half', () => {
    const { ejection, standings, first, second, failTimes } = createScene(4);
    failTimes(first, 5, 0);
    failTimes(second, 5, 1_000);
    ejection.setMembers(standings.slice(0, 3));
    expect([first.ejectedUntilMs, second.ejectedUntilMs]).toEqual([null, 1_000 + BASE_MS]);
    ejection.setMembers([second]);
    expect(second.ejectedUntilMs).toBeNull();
  });
});

test('whatever happens, never more than half are ejected, and only one request finds out about each', () => {
  const step = fc.record({
    who: fc.nat(5),
    kind: fc.constantFrom('failed', 'succeeded', 'probe', 'wait', 'members'),
    ms: fc.nat(100_000),
    ok: fc.boolean(),
    present: fc.subarray([0, 1, 2, 3, 4, 5]),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { ejection, standings } = createScene(6);
      let present: readonly OutlierState[] = standings;
      let nowMs = 0;
      for (const { who, kind, ms, ok, present: indexes } of steps) {
        const standing = standings[who] ?? createOutlierState();
        if (kind === 'wait') nowMs += ms;
        else if (kind === 'members') {
          present = indexes.flatMap((index) => standings[index] ?? []);
          ejection.setMembers(present);
        } else if (kind === 'failed')
          for (let time = 0; time < 5; time++) ejection.failed(standing, false, nowMs);
        else if (kind === 'succeeded') ejection.succeeded(standing, false, nowMs);
        else if (mayProbe(standing, nowMs, true)) {
          standing.probing = true;
          expect(mayProbe(standing, nowMs, true)).toBe(false);
          if (ok) ejection.succeeded(standing, true, nowMs);
          else ejection.failed(standing, true, nowMs);
          expect(standing.ejectedUntilMs === null).toBe(ok);
        }
        const ejected = present.filter(({ ejectedUntilMs }) => ejectedUntilMs !== null);
        expect(ejected.length).toBeLessThanOrEqual(present.length / 2);
        for (const { ejectedUntilMs } of ejected)
          expect((ejectedUntilMs ?? 0) - nowMs).toBeLessThanOrEqual(300_000);
      }
    }),
  );
});
