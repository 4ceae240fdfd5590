import { Counter, Gauge } from 'prom-client';
import { authorityOf } from '#kit/core/address';
import { backOffMs, sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import { createMergedMetrics } from './merge-metrics';
import type { ToSupervisor, ToWorker } from './messages';
import { createScatterGather, type QueriedWorker } from './scatter-gather';

export interface SupervisorSettings {
  readonly HOST: string;
  readonly PORT: number;
  readonly GATEWAY_WORKERS: number;
  readonly TLS_CERT?: string | undefined;
}

/** A worker that ran for this long did not fail because of its configuration: it is restarted at once. */
const STABLE_MS = 30_000;
const RESTART = { baseMs: 250, capMs: 10_000 };

/**
 * Runs the gateway in several worker processes on one port: the kernel distributes connections among them. A worker that
 * exits is restarted. All of them end with this process, also when it is killed. Operator queries to one worker are sent
 * to all of them.
 *
 * @returns the port they listen on
 * @throws when the port is in use
 */
export function startWorkers(runtime: Runtime, settings: SupervisorSettings): { port: number } {
  const { log } = runtime;
  const port = freePort(settings);
  const running = new Set<RunningWorker>();
  const scatterGather = createScatterGather(running);
  const merged = createMergedMetrics();
  const counts = countWorkers(runtime, running);
  let merging: Promise<string> | undefined;
  const workers = Array.from({ length: settings.GATEWAY_WORKERS }, (_, number) => keepRunning(number));
  runtime.onClose('workers', async () => {
    for (const { child } of running) child.kill('SIGTERM');
    await Promise.all(workers);
  });
  log.info(
    { workers: settings.GATEWAY_WORKERS },
    `listening with several processes on ${settings.TLS_CERT ? 'https' : 'http'}://${authorityOf(settings.HOST, port)}`,
  );
  return { port };

  async function keepRunning(number: number): Promise<void> {
    for (let failures = 0; !runtime.closing.aborted; ) {
      const startedMs = performance.now();
      const worker = startWorker(number, port, received);
      running.add(worker);
      const code = await worker.child.exited;
      running.delete(worker);
      scatterGather.ended(worker);
      merged.ended(number);
      if (runtime.closing.aborted) return;
      failures = performance.now() - startedMs > STABLE_MS ? 0 : failures + 1;
      counts.restarts.inc();
      log.error({ worker: number, code, signal: worker.child.signalCode }, 'worker exited; restarting');
      if (failures > 0) await sleep(backOffMs(failures, RESTART), runtime.closing);
    }
  }

  function received(worker: RunningWorker, message: ToSupervisor) {
    if (message.kind === 'listening') worker.listening = true;
    else if (message.kind === 'report') scatterGather.reported(worker, message.id, message.report);
    else
      void queryAll(worker, message).catch((failure) =>
        log.error({ err: failure }, 'querying the workers failed'),
      );
  }

  async function queryAll(worker: RunningWorker, { id, query }: Extract<ToSupervisor, { kind: 'query' }>) {
    if (query.about === 'metrics') worker.send({ kind: 'metrics', id, text: await metricsText() });
    else worker.send({ kind: 'reports', id, reports: await scatterGather.query(query) });
  }

  /** Concurrent scrapes share one merge: anybody may scrape, and each merge queries every worker. */
  function metricsText(): Promise<string> {
    merging ??= mergeAll().finally(() => {
      merging = undefined;
    });
    return merging;
  }

  async function mergeAll(): Promise<string> {
    const reports = await scatterGather.query({ about: 'metrics' });
    counts.unresponsive.set(reports.unresponsive.length);
    return merged.text(reports, await runtime.metrics.getMetricsAsJSON());
  }
}

interface RunningWorker extends QueriedWorker {
  readonly child: Bun.Subprocess;
}

function startWorker(
  number: number,
  port: number,
  received: (worker: RunningWorker, message: ToSupervisor) => void,
): RunningWorker {
  const child = Bun.spawn([process.execPath, ...process.argv.slice(1, 2)], {
    env: { ...process.env, PORT: String(port), GATEWAY_WORKER: 'true' },
    stdout: 'inherit',
    stderr: 'inherit',
    // Otherwise Ctrl-C would reach the workers twice: from the terminal and from the supervisor.
    detached: true,
    // The close of the channel also tells a worker that its supervisor has ended.
    ipc: (message: ToSupervisor) => received(worker, message),
  });
  const worker: RunningWorker = {
    number,
    child,
    listening: false,
    outstanding: 0,
    send: (message) => sendTo(child, message),
  };
  return worker;
}

function sendTo(child: Bun.Subprocess, message: ToWorker): boolean {
  try {
    child.send(message);
    return true;
  } catch {
    // It has just exited, which `keepRunning` handles.
    return false;
  }
}

function countWorkers(runtime: Runtime, running: ReadonlySet<QueriedWorker>) {
  const registers = [runtime.metrics];
  new Gauge({
    name: 'gateway_workers',
    help: 'Worker processes that share the port and are listening',
    registers,
    collect() {
      this.set([...running].filter(({ listening }) => listening).length);
    },
  });
  return {
    unresponsive: new Gauge({
      name: 'gateway_workers_silent',
      help: 'Workers that did not reply in time: their last known counts are used',
      registers,
    }),
    restarts: new Counter({
      name: 'gateway_worker_restarts_total',
      help: 'Restarts of workers that exited unexpectedly',
      registers,
    }),
  };
}

/** Workers share their port, so none of them would notice that another process uses it. */
function freePort({ HOST, PORT }: SupervisorSettings): number {
  const probe = Bun.listen({ hostname: HOST, port: PORT, socket: { data: () => undefined } });
  probe.stop(true);
  return probe.port;
}
