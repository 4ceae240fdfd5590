import { afterAll, beforeAll, expect, test } from 'bun:test';
import { eventually } from '../../tests/support/eventually';
import { childrenOf, type StartedProcess, startProcess } from '../../tests/support/processes';

let registry: StartedProcess;
beforeAll(async () => {
  registry = await startProcess('registry/main.ts', {});
}, 60_000);
afterAll(async () => {
  for (const process of [...started, registry]) await process?.kill();
});

const started: StartedProcess[] = [];

async function start(changes: Record<string, string> = {}) {
  const gateway = await startProcess('gateway/main.ts', {
    REGISTRY_URL: registry.url,
    GATEWAY_WORKERS: '2',
    ...changes,
  });
  started.push(gateway);
  return gateway;
}

const isServing = async (url: string) =>
  expect((await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).status).toBe(200);

const isRunning = (pid: number) => Bun.file(`/proc/${pid}/stat`).exists();

test('two workers share a port, one that exits is replaced, and all shut down together', async () => {
  const gateway = await start();
  await eventually(() => isServing(gateway.url));
  const [first = 0, second = 0] = await eventually(async () => {
    const workers = await childrenOf(gateway.pid);
    expect(workers.length).toBe(2);
    return workers;
  });
  process.kill(first, 'SIGKILL');
  await eventually(async () => {
    const workers = await childrenOf(gateway.pid);
    expect(workers.length).toBe(2);
    expect(workers).not.toContain(first);
  });
  await eventually(() => isServing(gateway.url));
  const port = new URL(gateway.url).port;
  await expect(start({ PORT: port })).rejects.toThrow();
  await gateway.stop();
  expect(await isRunning(second)).toBe(false);
}, 60_000);

test('workers shut down when their supervisor was killed', async () => {
  const gateway = await start();
  await eventually(() => isServing(gateway.url));
  const workers = await childrenOf(gateway.pid);
  await gateway.kill();
  await eventually(async () => {
    for (const worker of workers) expect(await isRunning(worker)).toBe(false);
  });
}, 60_000);
