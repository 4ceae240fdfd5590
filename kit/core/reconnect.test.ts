import { expect, test } from 'bun:test';
import { pino } from 'pino';
import { keepConnected } from '#kit/core/reconnect';
import { eventually } from '../../tests/support/eventually';

const log = pino({ level: 'silent' });

/** Opens the numbers 1, 2, 3 …; those in `refused` fail. `end` breaks the open one. */
function countingOpener(refused: number[] = []) {
  let attempts = 0;
  let end: (reason?: unknown) => void = () => undefined;
  const closed: number[] = [];
  const counter = keepConnected({
    what: 'the counter',
    log,
    open: async () => {
      const resource = ++attempts;
      if (refused.includes(resource)) throw new Error('refused');
      const ended = new Promise((resolve) => {
        end = resolve;
      });
      return { resource, ended };
    },
    close: (resource) => {
      closed.push(resource);
      end();
    },
  });
  return { counter, closed, end: () => end('broken') };
}

test('a broken resource is opened again', async () => {
  const { counter, end } = countingOpener();
  expect(await counter.opened()).toBe(1);
  end();
  await eventually(() => counter.current === 2);
  await counter.close();
});

test('opening is retried until it succeeds', async () => {
  const { counter } = countingOpener([1, 2]);
  expect(await counter.opened()).toBe(3);
  await counter.close();
});

test('close closes the resource once, and it is never opened again', async () => {
  const { counter, closed } = countingOpener();
  await counter.opened();
  await Promise.all([counter.close(), counter.close()]);
  expect(closed).toEqual([1]);
  expect(counter.current).toBeUndefined();
});

test('close while the resource is unavailable rejects those waiting for it', async () => {
  const { counter } = countingOpener([1, 2, 3, 4, 5, 6]);
  const waiting = counter.opened();
  await counter.close();
  await expect(waiting).rejects.toThrow('closed');
});
