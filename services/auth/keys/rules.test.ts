import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  judgeRefresh,
  KEY_LIFETIME_MS,
  KEY_PUBLISHED_AHEAD_MS,
  keyInUse,
  keysToPublish,
  nextKeyDue,
  REFRESH_GRACE_MS,
  restAfterFailures,
} from './rules';

const HOUR_MS = 3_600_000;

describe('signing keys', () => {
  test('whenever keys are looked after, each was published a quarter of an hour before it signs, and stays until its tokens end', () => {
    const pauses = fc.array(fc.integer({ min: 1, max: 2 * 24 * HOUR_MS }), { minLength: 50, maxLength: 200 });
    fc.assert(
      fc.property(pauses, (steps) => {
        let keys: { activeFrom: Date; madeMs: number }[] = [];
        const lastSigned = new Map<object, number>();
        let nowMs = 1_800_000_000_000;
        for (const step of steps) {
          const due = nextKeyDue(keys, nowMs);
          if (due !== undefined) keys.push({ activeFrom: due, madeMs: nowMs });
          const published = keysToPublish(keys, nowMs, HOUR_MS);
          for (const [key, signedMs] of lastSigned)
            if (nowMs <= signedMs + HOUR_MS) expect(published).toContain(key as (typeof keys)[number]);
          const inUse = keyInUse(keys, nowMs);
          if (inUse === undefined) throw new Error('there must always be a key');
          expect(published).toContain(inUse);
          if (inUse !== keys[0] && lastSigned.size > 0 && !lastSigned.has(inUse))
            expect(nowMs - inUse.madeMs).toBeGreaterThanOrEqual(KEY_PUBLISHED_AHEAD_MS);
          lastSigned.set(inUse, nowMs);
          keys = published;
          nowMs += step;
        }
      }),
    );
  });

  test('the next one begins when thirty days are over, or later when nobody looked in time', () => {
    const keys = [{ activeFrom: new Date(0) }];
    expect(nextKeyDue(keys, KEY_LIFETIME_MS - KEY_PUBLISHED_AHEAD_MS - 1)).toBeUndefined();
    expect(nextKeyDue(keys, KEY_LIFETIME_MS - KEY_PUBLISHED_AHEAD_MS)?.getTime()).toBe(KEY_LIFETIME_MS);
    const lateMs = KEY_LIFETIME_MS + HOUR_MS;
    expect(nextKeyDue(keys, lateMs)?.getTime()).toBe(lateMs + KEY_PUBLISHED_AHEAD_MS);
  });
});

test('a refresh token serves once, again for ten seconds, and then never', () => {
  const usedAt = new Date(1_000_000);
  expect(judgeRefresh({ usedAt: null }, 0)).toBe('rotate');
  expect(judgeRefresh({ usedAt }, usedAt.getTime() + REFRESH_GRACE_MS)).toBe('repeat');
  expect(judgeRefresh({ usedAt }, usedAt.getTime() + REFRESH_GRACE_MS + 1)).toBe('theft');
});

test('an account rests longer with each wrong password, never over a quarter of an hour', () => {
  expect([1, 4, 5, 6, 7, 10].map(restAfterFailures)).toEqual([0, 0, 1, 2, 4, 32]);
  expect(restAfterFailures(1_000_000)).toBe(900);
});
