import { expect, test } from 'bun:test';
import { pino } from 'pino';
import { keepConnected } from '#kit/core/reconnect';
import { eventually } from '../../tests/support/eventually';

const log = pino({ level: 'silent' });

/** Opens numbers 1, 2, 3 …; those in `refused` fail; `end` ends what is open. */
function countingOpener(refused: number[] = []) {
  let attempts = 0;
  let end: (reason?: unknown) => void = () => undefined;
  const closed: number[] = [];
  const kept = keepConnected({
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
  return { kept, closed, end: () => end('broken') };
}

test('what is kept open is opened again after it ended', async () => {
  const { kept, end } = countingOpener();
  expect(await kept.opened()).toBe(1);
  end();
  await eventually(() => kept.current === 2);
  await kept.close();
});

test('opening is tried until it works', async () => {
  const { kept } = countingOpener([1, 2]);
  expect(await kept.opened()).toBe(3);
  await kept.close();
});

test('what is closed for good is closed once and never opened again', async () => {
  const { kept, closed } = countingOpener();
  await kept.opened();
  await Promise.all([kept.close(), kept.close()]);
  expect(closed).toEqual([1]);
  expect(kept.current).toBeUndefined();
});

test('closing while it is away ends those who wait for it', async () => {
  const { kept } = countingOpener([1, 2, 3, 4, 5, 6]);
  const waiting = kept.opened();
  await kept.close();
  await expect(waiting).rejects.toThrow('closed');
});
