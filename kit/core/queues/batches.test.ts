import { expect, test } from 'bun:test';
import { AsyncLocalStorage } from 'node:async_hooks';
import { batchCalls } from './batches';

const echo = (calls: (readonly number[])[]) => async (items: readonly number[]) => {
  calls.push(items);
  await Promise.resolve();
  return items.map((item) => item * 2);
};

test('calls that arrive during a batch share the next one, in order, and each gets its own result', async () => {
  const calls: number[][] = [];
  const double = batchCalls(echo(calls), { maxSize: 4 });
  const items = Array.from({ length: 10 }, (_, index) => index);
  expect(await Promise.all(items.map(double))).toEqual(items.map((item) => item * 2));
  expect(calls).toEqual([[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]);
});

test('no batch is larger than allowed, except for an item that is', async () => {
  const calls: number[][] = [];
  const double = batchCalls(echo(calls), { maxSize: 10, sizeOf: (item) => item });
  await Promise.all([1, 4, 6, 5, 30, 2].map(double));
  expect(calls).toEqual([[1], [4, 6], [5], [30], [2]]);
});

test('after a pause a call is handled at once, and those that follow too soon together', async () => {
  const calls: number[][] = [];
  let now = 0;
  const clock = {
    now: () => now,
    async sleep(ms: number) {
      await Promise.resolve();
      now += ms;
    },
  };
  const double = batchCalls(echo(calls), { maxSize: 100, paceMs: 50 }, clock);
  await double(1);
  now = 20;
  await Promise.all([double(2), double(3)]);
  expect(now).toBe(50);
  now = 120;
  await double(4);
  expect(now).toBe(120);
  expect(calls).toEqual([[1], [2, 3], [4]]);
});

test('one item that fails does not fail the others', async () => {
  const handle = async (items: readonly number[]) => {
    await Promise.resolve();
    if (items.includes(3)) throw new Error('three');
    return items;
  };
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(batchCalls(handle, { maxSize: 10 })));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
});

test('an outage fails a batch as a whole', async () => {
  let calls = 0;
  const handle = async () => {
    calls++;
    await Promise.resolve();
    throw new Error('away');
  };
  const call = batchCalls<number, number>(handle, { maxSize: 10, isOutage: () => true });
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(call));
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  expect(calls).toBe(2);
});

test('a result too few fails, instead of leaving a caller without an answer', async () => {
  const call = batchCalls<number, number>(async () => [], { maxSize: 10 });
  await expect(call(1)).rejects.toThrow('another number of results');
});

test('a batch runs in the context of its first call', async () => {
  const context = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const call = batchCalls(
    async (items: readonly number[]) => {
      seen.push(context.getStore());
      await Promise.resolve();
      return items;
    },
    { maxSize: 10 },
  );
  await Promise.all(['a', 'b', 'c'].map((name, index) => context.run(name, () => call(index))));
  expect(seen).toEqual(['a', 'b']);
});
