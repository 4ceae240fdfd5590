import { expect, test } from 'bun:test';
import { createIdleWatch } from './idle-memory';

test('a process has become idle once after its start and once after each busy time', () => {
  const watch = createIdleWatch();
  const look = (share: number) => watch.look(share * 10_000, 10_000);
  expect([0.5, 0.05, 0.01, 0.01].map(look)).toEqual([false, false, true, false]);
  // Neither idle nor busy: what is done now and then needs its compiled code.
  expect([0.05, 0.01, 0.09, 0.01].map(look)).toEqual([false, false, false, false]);
  expect([0.2, 0.01, 0.01].map(look)).toEqual([false, true, false]);
});
