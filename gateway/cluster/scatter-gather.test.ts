import { expect, test } from 'bun:test';
import type { ToWorker } from './messages';
import { type AskedWorker, createGathering } from './scatter-gather';

/** Longer than any of these tests waits for it. */
const NEVER_MS = 60_000;

interface TestWorker extends AskedWorker {
  readonly heard: ToWorker[];
}

function worker(number: number): TestWorker {
  const heard: ToWorker[] = [];
  return { number, listening: true, owed: 0, heard, send: (message) => heard.push(message) > 0 };
}

const idOf = (asked: TestWorker) => asked.heard.at(-1)?.id ?? -1;

test('an answer is there when the last has answered', async () => {
  const [first, second] = [worker(0), worker(1)];
  const gathering = createGathering(new Set([first, second]), NEVER_MS);
  const asked = gathering.ask({ about: 'loads' });
  gathering.answered(second, idOf(second), { loads: [] });
  gathering.answered(first, idOf(first), {});
  expect(await asked).toEqual({
    answers: [
      { worker: 0, knowledge: {} },
      { worker: 1, knowledge: { loads: [] } },
    ],
    silent: [],
  });
});

test('a worker that does not answer in time is named, and what comes later belongs to no other question', async () => {
  const [first, second] = [worker(0), worker(1)];
  const gathering = createGathering(new Set([first, second]), 20);
  const asked = gathering.ask({ about: 'loads' });
  const late = idOf(second);
  gathering.answered(first, idOf(first), {});
  expect(await asked).toEqual({ answers: [{ worker: 0, knowledge: {} }], silent: [1] });

  const next = gathering.ask({ about: 'loads' });
  gathering.answered(second, late, { loads: [] });
  gathering.answered(first, idOf(first), {});
  gathering.answered(second, idOf(second), {});
  expect((await next).answers).toEqual([
    { worker: 0, knowledge: {} },
    { worker: 1, knowledge: {} },
  ]);
});

test('nobody waits for a worker that has ended, that still starts, or whose channel is closed', async () => {
  const [first, second, third, fourth] = [worker(0), worker(1), worker(2), worker(3)];
  third.listening = false;
  fourth.send = () => false;
  const gathering = createGathering(new Set([first, second, third, fourth]), NEVER_MS);
  const asked = gathering.ask({ about: 'loads' });
  gathering.answered(first, idOf(first), {});
  gathering.ended(second);
  expect(await asked).toEqual({ answers: [{ worker: 0, knowledge: {} }], silent: [] });
});

test('a stuck worker is not asked on and on, and costs nobody any time', async () => {
  const stuck = worker(0);
  const brief = createGathering(new Set([stuck]), 1);
  for (let question = 0; question < 10; question++)
    expect((await brief.ask({ about: 'metrics' })).silent).toEqual([0]);
  expect(stuck.heard.length).toBeLessThan(10);
  expect(await createGathering(new Set([stuck]), NEVER_MS).ask({ about: 'metrics' })).toEqual({
    answers: [],
    silent: [0],
  });
});
