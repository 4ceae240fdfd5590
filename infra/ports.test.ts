import { expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { createPortChooser, isPortFree } from './ports';

test('the first free port at or above the preferred one is chosen', async () => {
  const taken = new Set([7000, 7001]);
  const choosePort = createPortChooser({ isFree: async (port) => !taken.has(port) });
  expect(await choosePort(7000)).toBe(7002);
});

test('no port is assigned twice, even to servers that choose concurrently', async () => {
  const choosePort = createPortChooser({ isFree: async () => true });
  expect(await Promise.all([choosePort(7000), choosePort(7000), choosePort(7001)])).toEqual([
    7000, 7001, 7002,
  ]);
});

test('an offset is added to every preferred port', async () => {
  const choosePort = createPortChooser({ offset: 2000, isFree: async () => true });
  expect(await choosePort(7000)).toBe(9000);
});

test('the search for a free port is bounded', async () => {
  const choosePort = createPortChooser({ isFree: async () => false });
  await expect(choosePort(7000)).rejects.toThrow('No port is free from 7000 to 7199');
});

test('a port is free only while no process listens on it', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    }),
  );
  expect(await isPortFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isPortFree(port)).toBe(true);
});
