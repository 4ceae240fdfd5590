import { expect, test } from 'bun:test';
import { createWaker } from './waker';

test('a wait ends when it is woken, and lasts its full time otherwise', async () => {
  const waker = createWaker();
  const woken = waker.wait(60_000);
  waker.wake();
  await woken;
  const startedMs = performance.now();
  await waker.wait(30);
  expect(performance.now() - startedMs).toBeGreaterThan(25);
});

test('a wake before the wait cuts it short, once', async () => {
  const waker = createWaker();
  waker.wake();
  waker.wake();
  await waker.wait(60_000);
  const startedMs = performance.now();
  await waker.wait(30);
  expect(performance.now() - startedMs).toBeGreaterThan(25);
});
