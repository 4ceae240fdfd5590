import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { timeOfId } from '../../core/ids';
import { TRUSTED_MS } from '../leases/lease-keeper';
import { createIdMaker, type HeldWorker, type IdClock, markAt } from './maker';

const START_MS = Date.UTC(2026, 0, 1);

/** A wall clock that may step and a monotonic one; sleeping passes time on both. */
function testClock() {
  const time = { wallMs: START_MS, monotonicMs: 0 };
  const pass = (ms: number) => {
    time.wallMs += ms;
    time.monotonicMs += ms;
  };
  const step = (ms: number) => {
    time.wallMs += ms;
  };
  const clock: IdClock = {
    nowMs: () => Math.floor(time.wallMs),
    monotonicMs: () => time.monotonicMs,
    sleep: async (ms) => pass(ms),
  };
  return { clock, pass, step, time };
}

const heldAt = ({ time }: ReturnType<typeof testClock>, afterMs = 0): HeldWorker => ({
  worker: 7,
  afterMs,
  markMs: markAt(time.wallMs),
  trustedUntilMs: time.monotonicMs + TRUSTED_MS,
});

describe('a maker of ids', () => {
  test('waits rather than be more than 100 ms ahead of the clock', async () => {
    const test = testClock();
    const maker = createIdMaker(() => undefined, test.clock);
    maker.allow(heldAt(test));
    for (let count = 0; count < 5_000; count++) {
      const aheadMs = timeOfId(await maker.nextId()).getTime() - test.clock.nowMs();
      expect(aheadMs).toBeLessThanOrEqual(100);
    }
    // 404 at once, and four in each millisecond that passed.
    expect(test.time.monotonicMs).toBeGreaterThanOrEqual((5_000 - 404) / 4);
  });

  test('stops at two thirds of its lease, until it is renewed', async () => {
    const test = testClock();
    const maker = createIdMaker(() => undefined, test.clock);
    maker.allow(heldAt(test));
    test.pass(TRUSTED_MS - 1);
    await maker.nextId();
    test.pass(1);
    await expect(maker.nextId()).rejects.toMatchObject({ code: 'dependency.unavailable' });
    maker.allow(heldAt(test));
    await maker.nextId();
    maker.allow(undefined);
    await expect(maker.nextId()).rejects.toMatchObject({ code: 'dependency.unavailable' });
  });

  test('makes no id beyond its mark, however fast the clock is, and asks for the next', async () => {
    const test = testClock();
    let asked = 0;
    const maker = createIdMaker(() => asked++, test.clock);
    const held = heldAt(test);
    maker.allow(held);
    test.step(3_600_000);
    await expect(maker.nextId()).rejects.toMatchObject({ code: 'dependency.unavailable' });
    expect(asked).toBeGreaterThan(0);
    maker.allow({ ...heldAt(test), afterMs: held.afterMs });
    expect(timeOfId(await maker.nextId()).getTime()).toBeGreaterThan(held.markMs);
  });

  test('asks for another number when the clock is set back by more than a second', async () => {
    const test = testClock();
    const maker = createIdMaker(() => undefined, test.clock);
    maker.allow(heldAt(test));
    await maker.nextId();
    test.step(-900);
    expect(maker.isBehind()).toBe(false);
    await maker.nextId();
    test.step(-3_600_000);
    expect(maker.isBehind()).toBe(true);
    await expect(maker.nextId()).rejects.toMatchObject({ code: 'dependency.unavailable' });
  });
});

/** What the row of a worker number and its holders go through. */
type Event =
  | { readonly kind: 'make'; readonly maker: number; readonly count: number }
  | { readonly kind: 'pass' | 'step'; readonly maker: number; readonly ms: number }
  | { readonly kind: 'acquire' | 'renew' | 'release'; readonly maker: number };

const maker = fc.nat(2);
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant('make' as const), maker, count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('pass' as const), maker, ms: fc.integer({ min: 0, max: 40_000 }) }),
  fc.record({ kind: fc.constant('step' as const), maker, ms: fc.integer({ min: -90_000, max: 90_000 }) }),
  fc.record({ kind: fc.constantFrom('acquire' as const, 'renew' as const, 'release' as const), maker }),
);

test('three makers that take one number from each other double nothing, whatever their clocks do', () =>
  fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      // The row: whoever may write it raises the mark. Nobody waits for a lease to expire, as if no clock could be trusted.
      const row = { token: 0, mark: 0 };
      const makers = Array.from({ length: 3 }, () => {
        const time = testClock();
        return { ...time, maker: createIdMaker(() => undefined, time.clock), token: -1, afterMs: 0 };
      });
      const made: string[] = [];
      for (const happening of events) {
        const each = makers[happening.maker];
        if (each === undefined) throw new Error('no such maker');
        const allow = () => {
          const wanted = heldAt(each, each.afterMs);
          row.mark = Math.max(row.mark, wanted.markMs);
          each.maker.allow(wanted);
        };
        if (happening.kind === 'make')
          for (let count = 0; count < happening.count; count++) {
            const id = await each.maker.nextId().catch(() => undefined);
            if (id === undefined) break;
            made.push(id);
          }
        else if (happening.kind === 'pass') for (const other of makers) other.pass(happening.ms);
        else if (happening.kind === 'step') each.step(happening.ms);
        else if (happening.kind === 'acquire') {
          each.maker.allow(undefined);
          each.afterMs = row.mark;
          each.token = ++row.token;
          allow();
        } else if (each.token === row.token) {
          if (happening.kind === 'renew') allow();
          else {
            row.mark = each.maker.lastMs ?? each.afterMs;
            each.maker.allow(undefined);
            each.token = -1;
          }
        }
      }
      expect(new Set(made).size).toBe(made.length);
    }),
    { numRuns: 300 },
  ));
