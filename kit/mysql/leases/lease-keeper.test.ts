import { describe, expect, test } from 'bun:test';
import { keepLease, LEASE_MS, type LeaseClock, TRUSTED_MS } from './lease-keeper';

/** Time passes only when everybody sleeps. */
function testClock() {
  let nowMs = 0;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();
  const clock: LeaseClock = {
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = { atMs: nowMs + ms, wake: resolve };
        sleepers.add(sleeper);
        signal.addEventListener('abort', () => resolve());
      }),
  };
  /** Lets the next sleeper wake, and everything that follows from it happen. */
  async function advance(): Promise<void> {
    const next = [...sleepers].toSorted((one, other) => one.atMs - other.atMs)[0];
    if (next === undefined) return;
    sleepers.delete(next);
    nowMs = Math.max(nowMs, next.atMs);
    next.wake();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
  return { clock, advance, now: () => nowMs };
}

/** Advances until the lease has ended. */
async function endOf(keeping: Promise<string>, { advance }: ReturnType<typeof testClock>): Promise<string> {
  let end: string | undefined;
  keeping.then((reason) => {
    end = reason;
  });
  for (let step = 0; step < 1_000 && end === undefined; step++) await advance();
  return end ?? 'none';
}

describe('a lease', () => {
  test('is kept for as long as it can be renewed', async () => {
    const time = testClock();
    const stop = new AbortController();
    let renewals = 0;
    const renew = async () => {
      if (++renewals === 100) stop.abort();
      return true;
    };
    expect(await endOf(keepLease(renew, 0, stop.signal, time.clock), time)).toBe('stopped');
    expect(time.now()).toBeGreaterThan(10 * LEASE_MS);
  });

  test('is lost when another holds it', async () => {
    const time = testClock();
    const keeping = keepLease(async () => false, 0, new AbortController().signal, time.clock);
    expect(await endOf(keeping, time)).toBe('taken');
    expect(time.now()).toBeLessThan(TRUSTED_MS);
  });

  test('is given up at two thirds of its length when the database is away, or does not answer', async () => {
    for (const renew of [
      () => Promise.reject(new Error('away')),
      () => new Promise<boolean>(() => undefined),
    ]) {
      const time = testClock();
      expect(await endOf(keepLease(renew, 0, new AbortController().signal, time.clock), time)).toBe(
        'expired',
      );
      expect(time.now()).toBe(TRUSTED_MS);
    }
  });

  test('counts from when a renewal was sent, not from when it was answered', async () => {
    const time = testClock();
    let answer: ((isHeld: boolean) => void) | undefined;
    let sentAtMs = 0;
    const renew = () => {
      if (answer !== undefined) return new Promise<boolean>(() => undefined);
      sentAtMs = time.now();
      return new Promise<boolean>((resolve) => {
        answer = resolve;
      });
    };
    const keeping = keepLease(renew, 0, new AbortController().signal, time.clock);
    await time.advance();
    time.clock.sleep(10_000, new AbortController().signal).then(() => answer?.(true));
    expect(await endOf(keeping, time)).toBe('expired');
    expect(time.now()).toBe(sentAtMs + TRUSTED_MS);
  });
});
