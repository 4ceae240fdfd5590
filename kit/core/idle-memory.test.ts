import { expect, test } from 'bun:test';
import { createIdleDetector } from './idle-memory';

test('a process becomes idle once after its start and once after each busy period', () => {
  const detector = createIdleDetector();
  const sample = (share: number) => detector.sample(share * 10_000, 10_000);
  expect([0.5, 0.05, 0.01, 0.01].map(sample)).toEqual([false, false, true, false]);
  // Neither idle nor busy: occasional work needs its compiled code.
  expect([0.05, 0.01, 0.09, 0.01].map(sample)).toEqual([false, false, false, false]);
  expect([0.2, 0.01, 0.01].map(sample)).toEqual([false, true, false]);
});
