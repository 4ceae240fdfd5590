import { backOffMs, pause } from '#kit/back-off';
import type { Runtime } from '#kit/runtime';
import type { GatewayEnvironment } from './settings';

/** A worker that ran for so long was not stopped by how it is set up: it is started anew at once. */
const STABLE_MS = 30_000;
const RESTART = { baseMs: 250, capMs: 10_000 };

/**
 * Runs the gateway in several processes on one port, to use several cores: the kernel spreads connections among them.
 * One that dies is started again. All end with this process, also when it is killed.
 *
 * @returns the port they listen on
 * @throws when the port is taken
 */
export function startWorkers(runtime: Runtime, env: GatewayEnvironment): { port: number } {
  const { log } = runtime;
  const port = freePort(env);
  const running = new Set<Bun.Subprocess>();
  const workers = Array.from({ length: env.GATEWAY_WORKERS }, (_, number) => keepRunning(number));
  runtime.onClose('workers', async () => {
    for (const worker of running) worker.kill('SIGTERM');
    await Promise.all(workers);
  });
  log.info(
    { workers: env.GATEWAY_WORKERS },
    `listening with several processes on ${env.TLS_CERT ? 'https' : 'http'}://${env.HOST}:${port}`,
  );
  return { port };

  async function keepRunning(number: number): Promise<void> {
    for (let failures = 0; !runtime.closing.aborted; ) {
      const startedMs = performance.now();
      const worker = startWorker(port);
      running.add(worker);
      const code = await worker.exited;
      running.delete(worker);
      if (runtime.closing.aborted) return;
      failures = performance.now() - startedMs > STABLE_MS ? 0 : failures + 1;
      log.error({ worker: number, code, signal: worker.signalCode }, 'a worker ended: starting another');
      if (failures > 0) await pause(backOffMs(failures, RESTART), runtime.closing);
    }
  }
}

const startWorker = (port: number) =>
  Bun.spawn([process.execPath, Bun.main], {
    env: { ...process.env, PORT: String(port), GATEWAY_WORKER: 'true' },
    stdout: 'inherit',
    stderr: 'inherit',
    // A Ctrl-C would reach the workers twice: from the terminal, and from the process that started them.
    detached: true,
    // The channel carries nothing; that it closes tells a worker that it was left alone.
    ipc: () => undefined,
  });

/** Workers share their port, so none of them would notice that another process has it. */
function freePort({ HOST, PORT }: GatewayEnvironment): number {
  const probe = Bun.listen({ hostname: HOST, port: PORT, socket: { data: () => undefined } });
  probe.stop(true);
  return probe.port;
}
