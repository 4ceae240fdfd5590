import { Counter, Gauge } from 'prom-client';
import { backOffMs, sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import type { GatewayEnvironment } from '../settings';
import { createMergedMetrics } from './merge-metrics';
import type { ToSupervisor, ToWorker } from './messages';
import { type AskedWorker, createGathering } from './scatter-gather';

/** A worker that ran for so long was not stopped by how it is set up: it is started anew at once. */
const STABLE_MS = 30_000;
const RESTART = { baseMs: 250, capMs: 10_000 };

/**
 * Runs the gateway in several processes on one port, to use several cores: the kernel spreads connections among them.
 * One that dies is started again. All end with this process, also when it is killed. What operators ask one of them is
 * put to all.
 *
 * @returns the port they listen on
 * @throws when the port is taken
 */
export function startWorkers(runtime: Runtime, env: GatewayEnvironment): { port: number } {
  const { log } = runtime;
  const port = freePort(env);
  const running = new Set<RunningWorker>();
  const gathering = createGathering(running);
  const merged = createMergedMetrics();
  const counts = countWorkers(runtime, running);
  let merging: Promise<string> | undefined;
  const workers = Array.from({ length: env.GATEWAY_WORKERS }, (_, number) => keepRunning(number));
  runtime.onClose('workers', async () => {
    for (const { child } of running) child.kill('SIGTERM');
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
      const worker = startWorker(number, port, hear);
      running.add(worker);
      const code = await worker.child.exited;
      running.delete(worker);
      gathering.ended(worker);
      merged.ended(number);
      if (runtime.closing.aborted) return;
      failures = performance.now() - startedMs > STABLE_MS ? 0 : failures + 1;
      counts.restarts.inc();
      log.error(
        { worker: number, code, signal: worker.child.signalCode },
        'a worker ended: starting another',
      );
      if (failures > 0) await sleep(backOffMs(failures, RESTART), runtime.closing);
    }
  }

  function hear(worker: RunningWorker, message: ToSupervisor) {
    if (message.kind === 'listening') worker.listening = true;
    else if (message.kind === 'answer') gathering.answered(worker, message.id, message.knowledge);
    else
      void ask(worker, message).catch((failure) =>
        log.error({ err: failure }, 'the workers could not be asked'),
      );
  }

  async function ask(worker: RunningWorker, { id, question }: Extract<ToSupervisor, { kind: 'ask' }>) {
    if (question.about === 'metrics') worker.send({ kind: 'metrics', id, text: await metricsText() });
    else worker.send({ kind: 'gathered', id, gathered: await gathering.ask(question) });
  }

  /** Whoever asks while an answer is being made gets that one: anybody may ask, and it costs every worker something. */
  function metricsText(): Promise<string> {
    merging ??= mergeAll().finally(() => {
      merging = undefined;
    });
    return merging;
  }

  async function mergeAll(): Promise<string> {
    const gathered = await gathering.ask({ about: 'metrics' });
    counts.silent.set(gathered.silent.length);
    return merged.text(gathered, await runtime.metrics.getMetricsAsJSON());
  }
}

interface RunningWorker extends AskedWorker {
  readonly child: Bun.Subprocess;
}

function startWorker(
  number: number,
  port: number,
  hear: (worker: RunningWorker, message: ToSupervisor) => void,
): RunningWorker {
  const child = Bun.spawn([process.execPath, Bun.main], {
    env: { ...process.env, PORT: String(port), GATEWAY_WORKER: 'true' },
    stdout: 'inherit',
    stderr: 'inherit',
    // A Ctrl-C would reach the workers twice: from the terminal, and from the process that started them.
    detached: true,
    // That the channel closes also tells a worker that it was left alone.
    ipc: (message: ToSupervisor) => hear(worker, message),
  });
  const worker: RunningWorker = {
    number,
    child,
    listening: false,
    owed: 0,
    send: (message) => sendTo(child, message),
  };
  return worker;
}

function sendTo(child: Bun.Subprocess, message: ToWorker): boolean {
  try {
    child.send(message);
    return true;
  } catch {
    // It has just ended; that is noticed and told elsewhere.
    return false;
  }
}

function countWorkers(runtime: Runtime, running: ReadonlySet<AskedWorker>) {
  const registers = [runtime.metrics];
  new Gauge({
    name: 'gateway_workers',
    help: 'Processes that share the port and serve',
    registers,
    collect() {
      this.set([...running].filter(({ listening }) => listening).length);
    },
  });
  return {
    silent: new Gauge({
      name: 'gateway_workers_silent',
      help: 'Workers that did not answer in time: what they count is as of before',
      registers,
    }),
    restarts: new Counter({
      name: 'gateway_worker_restarts_total',
      help: 'Workers that ended by themselves and were started again',
      registers,
    }),
  };
}

/** Workers share their port, so none of them would notice that another process has it. */
function freePort({ HOST, PORT }: GatewayEnvironment): number {
  const probe = Bun.listen({ hostname: HOST, port: PORT, socket: { data: () => undefined } });
  probe.stop(true);
  return probe.port;
}
