import { expect, test } from 'bun:test';
import { summarise } from './test-summary';

const counts = (passed: number, failed: number) =>
  `...\n\n \x1b[32m${passed} pass\x1b[0m\n 1 skip\n ${failed} fail\n 9 expect() calls\nRan 4 tests across 2 files. [3.00ms]\n`;

test('bun’s closing counts are the counts', () => {
  expect(summarise(counts(12, 0), 0)).toEqual({ passed: 12, failed: 0 });
  expect(summarise(counts(10, 2), 1)).toEqual({ passed: 10, failed: 2 });
});

test('a test that prints such counts itself is not believed', () => {
  expect(summarise(` 99 pass\n${counts(3, 0)}`, 0)).toEqual({ passed: 3, failed: 0 });
});

test('a run that crashed before its counts has failed', () => {
  expect(summarise('Segmentation fault', 139)).toEqual({ passed: 0, failed: 1 });
  expect(summarise('', 0)).toEqual({ passed: 0, failed: 1 });
});

test('a run that ended badly has failed, whatever its counts say', () => {
  expect(summarise(counts(3, 0), 1)).toEqual({ passed: 3, failed: 1 });
});
