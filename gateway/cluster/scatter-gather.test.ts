import { expect, test } from 'bun:test';
import type { ToWorker } from './messages';
import { createScatterGather, type QueriedWorker } from './scatter-gather';

/** Longer than any of these tests. */
const NEVER_MS = 60_000;

interface TestWorker extends QueriedWorker {
  readonly received: ToWorker[];
}

function worker(number: number): TestWorker {
  const received: ToWorker[] = [];
  return { number, listening: true, outstanding: 0, received, send: (message) => received.push(message) > 0 };
}

const idOf = (queried: TestWorker) => queried.received.at(-1)?.id ?? -1;

test('a query completes when the last worker has replied', async () => {
  const [first, second] = [worker(0), worker(1)];
  const scatterGather = createScatterGather(new Set([first, second]), NEVER_MS);
  const reply = scatterGather.query({ about: 'loads' });
  scatterGather.reported(second, idOf(second), { loads: [] });
  scatterGather.reported(first, idOf(first), {});
  expect(await reply).toEqual({
    reports: [
      { worker: 0, report: {} },
      { worker: 1, report: { loads: [] } },
    ],
    unresponsive: [],
  });
});

test('an unresponsive worker is named, and its late reply is not taken for another query', async () => {
  const [first, second] = [worker(0), worker(1)];
  const scatterGather = createScatterGather(new Set([first, second]), 20);
  const reply = scatterGather.query({ about: 'loads' });
  const late = idOf(second);
  scatterGather.reported(first, idOf(first), {});
  expect(await reply).toEqual({ reports: [{ worker: 0, report: {} }], unresponsive: [1] });

  const next = scatterGather.query({ about: 'loads' });
  scatterGather.reported(second, late, { loads: [] });
  scatterGather.reported(first, idOf(first), {});
  scatterGather.reported(second, idOf(second), {});
  expect((await next).reports).toEqual([
    { worker: 0, report: {} },
    { worker: 1, report: {} },
  ]);
});

test('workers that have ended, are starting, or whose channel is closed are not awaited', async () => {
  const [first, second, third, fourth] = [worker(0), worker(1), worker(2), worker(3)];
  third.listening = false;
  fourth.send = () => false;
  const scatterGather = createScatterGather(new Set([first, second, third, fourth]), NEVER_MS);
  const reply = scatterGather.query({ about: 'loads' });
  scatterGather.reported(first, idOf(first), {});
  scatterGather.ended(second);
  expect(await reply).toEqual({ reports: [{ worker: 0, report: {} }], unresponsive: [] });
});

test('a stuck worker is no longer queried, and delays nobody', async () => {
  const stuck = worker(0);
  const brief = createScatterGather(new Set([stuck]), 1);
  for (let round = 0; round < 10; round++)
    expect((await brief.query({ about: 'metrics' })).unresponsive).toEqual([0]);
  expect(stuck.received.length).toBeLessThan(10);
  expect(await createScatterGather(new Set([stuck]), NEVER_MS).query({ about: 'metrics' })).toEqual({
    reports: [],
    unresponsive: [0],
  });
});
