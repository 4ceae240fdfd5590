import { expect, test } from 'bun:test';
import { createLagSampler } from './event-loop-lag';

/** A sampler whose timer fires late by what a test says, in a process that uses a share of a core. */
function driven() {
  const sampler = createLagSampler();
  let nowMs = 0;
  let usedMs = 0;
  let dueMs = sampler.sample(nowMs, () => usedMs);
  return {
    sampler,
    run(options: { share: number; lateMs?: number }): number {
      const passedMs = dueMs + (options.lateMs ?? 0);
      nowMs += passedMs;
      usedMs += passedMs * options.share;
      dueMs = sampler.sample(nowMs, () => usedMs);
      return dueMs;
    },
  };
}

test('each observer gets the longest delay since it last took it', () => {
  const { sampler, run } = driven();
  const first = sampler.observe();
  const second = sampler.observe();
  for (const lateMs of [3, 700, 40]) run({ share: 0.5, lateMs });
  expect([first.takeMaxMs(), first.takeMaxMs()]).toEqual([700, 0]);
  run({ share: 0.5, lateMs: 5 });
  expect([first.takeMaxMs(), second.takeMaxMs()]).toEqual([5, 700]);
  second.stop();
  run({ share: 0.5, lateMs: 9 });
  expect(second.takeMaxMs()).toBe(0);
});

test('a process at rest is woken twice a second, a busy one is sampled densely until it rests', () => {
  const { run } = driven();
  expect(run({ share: 0.01 })).toBe(500);
  expect(run({ share: 0.2 })).toBe(20);
  const pauses = Array.from({ length: 40 }, () => run({ share: 0.01 }));
  expect(pauses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 20));
  expect(pauses.at(-1)).toBe(500);
});

test('what is observed while nothing is late is no delay', () => {
  const { sampler, run } = driven();
  const observer = sampler.observe();
  run({ share: 0 });
  expect(observer.takeMaxMs()).toBe(0);
});
