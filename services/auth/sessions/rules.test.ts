import { expect, test } from 'bun:test';
import { classifyRefresh, REFRESH_GRACE_MS } from './rules';

test('a refresh token rotates once, repeats for ten seconds, and is then treated as stolen', () => {
  const usedAt = new Date(1_000_000);
  expect(classifyRefresh({ usedAt: null }, 0)).toBe('rotate');
  expect(classifyRefresh({ usedAt }, usedAt.getTime() + REFRESH_GRACE_MS)).toBe('repeat');
  expect(classifyRefresh({ usedAt }, usedAt.getTime() + REFRESH_GRACE_MS + 1)).toBe('theft');
});
