import { afterEach, expect, test } from 'bun:test';
import { eventually } from '../../tests/support/eventually';
import { testRuntime } from '../../tests/support/servers';
import { runOnSchedule } from './schedule';

const runtime = testRuntime('schedule-test');
afterEach(() => runtime.close());

test('scheduled work runs at its times, again after a failure, and shutdown waits for it', async () => {
  let runs = 0;
  let finished = 0;
  // Six fields: every second.
  runOnSchedule(runtime, 'counting', '* * * * * *', async () => {
    runs++;
    if (runs === 1) throw new Error('the first run fails');
    await Bun.sleep(20);
    finished++;
  });
  await eventually(() => runs === 2);
  await runtime.close();
  expect([runs, finished]).toEqual([2, 1]);
});

test('an invalid pattern is rejected immediately', () => {
  expect(() => runOnSchedule(runtime, 'nothing', 'every night', async () => undefined)).toThrow();
});
