import { expect, test } from 'bun:test';
import { summarize } from './summary';

const counts = (passed: number, failed: number) =>
  `...\n\n \x1b[32m${passed} pass\x1b[0m\n 1 skip\n ${failed} fail\n 9 expect() calls\nRan 4 tests across 2 files. [3.00ms]\n`;

test('the counts at the end of bun’s output are used', () => {
  expect(summarize(counts(12, 0), 0)).toEqual({ passed: 12, failed: 0 });
  expect(summarize(counts(10, 2), 1)).toEqual({ passed: 10, failed: 2 });
});

test('counts printed by a test are ignored', () => {
  expect(summarize(` 99 pass\n${counts(3, 0)}`, 0)).toEqual({ passed: 3, failed: 0 });
});

test('a run that crashed before printing its counts has failed', () => {
  expect(summarize('Segmentation fault', 139)).toEqual({ passed: 0, failed: 1 });
  expect(summarize('', 0)).toEqual({ passed: 0, failed: 1 });
});

test('a run with a failure exit code has failed, whatever its counts say', () => {
  expect(summarize(counts(3, 0), 1)).toEqual({ passed: 3, failed: 1 });
});
