import { Gauge } from 'prom-client';
import type { Runtime } from '#kit/core/runtime';
import { withTimeout } from '#kit/core/runtime';
import type { ClusterReports, ToSupervisor, ToWorker, WorkerQuery, WorkerReport } from './messages';

/** All worker processes of this gateway, including this one. */
export interface Cluster {
  query(query: WorkerQuery): Promise<ClusterReports>;
  /** The merged metrics of all workers in Prometheus' text format. */
  metrics(): Promise<string>;
  /** Announces that this process is listening, so that others can query it. */
  listening(): void;
}

/** Reports the state of this process. */
export type WorkerReporter = (query: WorkerQuery) => Promise<WorkerReport>;

/** The supervisor waits one second for the workers; beyond this, the supervisor itself is stuck. */
const SUPERVISOR_TIMEOUT_MS = 3_000;

/** @param isWorker whether this process was started by a supervisor */
export const openCluster = (runtime: Runtime, report: WorkerReporter, isWorker: boolean): Cluster =>
  isWorker ? connectToSupervisor(runtime, report) : singleProcess(runtime, report);

function singleProcess(runtime: Runtime, report: WorkerReporter): Cluster {
  new Gauge({
    name: 'gateway_workers',
    help: 'Worker processes that share the port and are listening',
    registers: [runtime.metrics],
  }).set(1);
  return {
    query: async (query) => ({ reports: [{ worker: 0, report: await report(query) }], unresponsive: [] }),
    metrics: () => runtime.metrics.metrics(),
    listening: () => undefined,
  };
}

/** Queries the other workers through the supervisor, replies to its queries, and shuts down with it. */
function connectToSupervisor(runtime: Runtime, report: WorkerReporter): Cluster {
  const pending = new Map<number, (reply: ToWorker) => void>();
  let lastId = 0;

  process.on('message', (message: ToWorker) => {
    if (message.kind === 'query') void reply(message.id, message.query);
    else pending.get(message.id)?.(message);
  });
  // An orphaned worker would run forever.
  process.on('disconnect', () => void runtime.close());
  // An open channel keeps the process alive.
  runtime.onClose('channel to the supervisor', () => process.disconnect?.());

  runtime.dependency({
    name: 'workers',
    required: false,
    async check() {
      const { reports, unresponsive } = await query({ about: 'presence' });
      if (unresponsive.length > 0) throw new Error(`Unresponsive workers: ${unresponsive.join(', ')}`);
      return `${reports.length} serve`;
    },
  });

  async function reply(id: number, query: WorkerQuery) {
    try {
      send({ kind: 'report', id, report: await report(query) });
    } catch (failure) {
      runtime.log.error({ err: failure, about: query.about }, 'worker query failed');
      send({ kind: 'report', id, report: {} });
    }
  }

  async function request(query: WorkerQuery): Promise<ToWorker> {
    const id = ++lastId;
    const { promise, resolve } = Promise.withResolvers<ToWorker>();
    pending.set(id, resolve);
    try {
      send({ kind: 'query', id, query });
      return await withTimeout(promise, SUPERVISOR_TIMEOUT_MS, 'querying the other workers');
    } finally {
      pending.delete(id);
    }
  }

  async function query(about: WorkerQuery): Promise<ClusterReports> {
    const reply = await request(about);
    return reply.kind === 'reports' ? reply.reports : NO_REPORTS;
  }

  return {
    query,
    async metrics() {
      const reply = await request({ about: 'metrics' });
      return reply.kind === 'metrics' ? reply.text : '';
    },
    listening: () => send({ kind: 'listening' }),
  };
}

const NO_REPORTS: ClusterReports = { reports: [], unresponsive: [] };

function send(message: ToSupervisor) {
  // The channel closes when the supervisor ends, shortly before this process does.
  if (process.connected) process.send?.(message);
}
