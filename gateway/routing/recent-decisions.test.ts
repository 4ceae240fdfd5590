import { expect, test } from 'bun:test';
import { createRecentDecisions } from './recent-decisions';

type Recent = Parameters<ReturnType<typeof createRecentDecisions>['store']>[0];

/** Only its method and target are read here. */
const recentOf = (method: string, target: string) => ({ method, target }) as Recent;

test('a request is worth storing at its second occurrence, and found by its exact method and target', () => {
  const recent = createRecentDecisions();
  expect(recent.isRepeated('GET', '/posts/1')).toBe(false);
  expect(recent.isRepeated('GET', '/posts/1')).toBe(true);
  recent.store(recentOf('GET', '/posts/1'));
  expect(recent.find('GET', '/posts/1')?.target).toBe('/posts/1');
  expect(recent.find('PUT', '/posts/1')).toBeUndefined();
  expect(recent.find('GET', '/posts/1?')).toBeUndefined();
});

test('long targets are not stored, and others replace what is in their slot', () => {
  const recent = createRecentDecisions();
  const long = `/${'a'.repeat(300)}`;
  expect([recent.isRepeated('GET', long), recent.isRepeated('GET', long)]).toEqual([false, false]);
  const targets = Array.from({ length: 20_000 }, (_, number) => `/posts/${number}`);
  for (const target of targets) recent.store(recentOf('GET', target));
  const found = targets.filter((target) => recent.find('GET', target) !== undefined);
  expect(found.length).toBeLessThanOrEqual(4_096);
  expect(found.length).toBeGreaterThan(2_000);
});
