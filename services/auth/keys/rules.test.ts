import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { activeKey, KEY_LIFETIME_MS, KEY_PUBLISHED_AHEAD_MS, keysToPublish, nextKeyDue } from './rules';

const HOUR_MS = 3_600_000;

describe('signing keys', () => {
  test('each is published from 15 minutes before it signs until its last token expires, at any refresh rate', () => {
    const pauses = fc.array(fc.integer({ min: 1, max: 2 * 24 * HOUR_MS }), { minLength: 50, maxLength: 200 });
    fc.assert(
      fc.property(pauses, (steps) => {
        let keys: { activeFrom: Date; createdMs: number }[] = [];
        const lastSigned = new Map<object, number>();
        let nowMs = 1_800_000_000_000;
        for (const step of steps) {
          const due = nextKeyDue(keys, nowMs);
          if (due !== undefined) keys.push({ activeFrom: due, createdMs: nowMs });
          const published = keysToPublish(keys, nowMs, HOUR_MS);
          for (const [key, signedMs] of lastSigned)
            if (nowMs <= signedMs + HOUR_MS) expect(published).toContain(key as (typeof keys)[number]);
          const active = activeKey(keys, nowMs);
          if (active === undefined) throw new Error('No active key');
          expect(published).toContain(active);
          if (active !== keys[0] && lastSigned.size > 0 && !lastSigned.has(active))
            expect(nowMs - active.createdMs).toBeGreaterThanOrEqual(KEY_PUBLISHED_AHEAD_MS);
          lastSigned.set(active, nowMs);
          keys = published;
          nowMs += step;
        }
      }),
    );
  });

  test('the next key is activated after thirty days, or later if the refresh is late', () => {
    const keys = [{ activeFrom: new Date(0) }];
    expect(nextKeyDue(keys, KEY_LIFETIME_MS - KEY_PUBLISHED_AHEAD_MS - 1)).toBeUndefined();
    expect(nextKeyDue(keys, KEY_LIFETIME_MS - KEY_PUBLISHED_AHEAD_MS)?.getTime()).toBe(KEY_LIFETIME_MS);
    const lateMs = KEY_LIFETIME_MS + HOUR_MS;
    expect(nextKeyDue(keys, lateMs)?.getTime()).toBe(lateMs + KEY_PUBLISHED_AHEAD_MS);
  });
});
