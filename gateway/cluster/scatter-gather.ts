import type { ClusterReports, ToWorker, WorkerQuery, WorkerReport } from './messages';

/** A running worker that can be queried. */
export interface QueriedWorker {
  readonly number: number;
  /** False while it starts. */
  listening: boolean;
  /** Queries it has not replied to. */
  outstanding: number;
  /** False when its channel is closed. */
  send(message: ToWorker): boolean;
}

/** Sends a query to all workers, and gathers their reports. */
export interface ScatterGather {
  /** Waits for the slowest worker up to a timeout. */
  query(query: WorkerQuery): Promise<ClusterReports>;
  reported(worker: QueriedWorker, id: number, report: WorkerReport): void;
  /** The worker has ended. */
  ended(worker: QueriedWorker): void;
}

/** Shorter than the timeouts of probes and scrapers. */
const REPORT_TIMEOUT_MS = 1_000;
/** A worker with this many outstanding queries is stuck: further ones would only fill its channel. */
const MAX_OUTSTANDING = 4;

export function createScatterGather(
  workers: ReadonlySet<QueriedWorker>,
  timeoutMs: number = REPORT_TIMEOUT_MS,
): ScatterGather {
  interface Round {
    readonly waitingFor: Set<QueriedWorker>;
    readonly reports: ClusterReports['reports'][number][];
    finish(): void;
  }
  const rounds = new Map<number, Round>();
  let lastId = 0;

  function remove(round: Round, worker: QueriedWorker) {
    if (round.waitingFor.delete(worker) && round.waitingFor.size === 0) round.finish();
  }

  return {
    query(query) {
      const id = ++lastId;
      const { promise, resolve } = Promise.withResolvers<ClusterReports>();
      const skipped: number[] = [];
      const timer = setTimeout(finish, timeoutMs);
      const round: Round = { waitingFor: new Set(), reports: [], finish };
      rounds.set(id, round);
      for (const worker of workers) {
        if (!worker.listening) continue;
        if (worker.outstanding >= MAX_OUTSTANDING) skipped.push(worker.number);
        else if (worker.send({ kind: 'query', id, query })) {
          worker.outstanding++;
          round.waitingFor.add(worker);
        }
      }
      if (round.waitingFor.size === 0) finish();
      return promise;

      function finish() {
        clearTimeout(timer);
        if (!rounds.delete(id)) return;
        const late = [...round.waitingFor].map(({ number }) => number);
        resolve({
          reports: round.reports.toSorted((left, right) => left.worker - right.worker),
          unresponsive: [...skipped, ...late].sort((left, right) => left - right),
        });
      }
    },
    reported(worker, id, report) {
      worker.outstanding--;
      const round = rounds.get(id);
      if (!round?.waitingFor.has(worker)) return;
      round.reports.push({ worker: worker.number, report });
      remove(round, worker);
    },
    ended(worker) {
      for (const round of rounds.values()) remove(round, worker);
    },
  };
}
