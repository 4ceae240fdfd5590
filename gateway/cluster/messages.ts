import type { Registry } from 'prom-client';
import type { Explained } from '../model/explanation';

/** What can be queried of every worker process of a gateway. */
export type WorkerQuery =
  /** A liveness check. */
  | { readonly about: 'presence' }
  | { readonly about: 'request'; readonly requestId: string }
  | { readonly about: 'loads' }
  | { readonly about: 'metrics' };

/** One process's result; only what was queried is present. */
export interface WorkerReport {
  readonly explained?: Explained;
  readonly loads?: readonly WorkerInstanceLoad[];
  readonly metrics?: Metrics;
}

export type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** One process's view of an instance. */
export interface WorkerInstanceLoad {
  readonly instanceId: string;
  readonly inFlight: number;
  readonly costMs: number;
  readonly ejectedForMs: number;
  readonly ejections: number;
  readonly probing: boolean;
}

/** The results of all workers. */
export interface ClusterReports {
  readonly reports: readonly { readonly worker: number; readonly report: WorkerReport }[];
  /** Workers that did not reply in time. */
  readonly unresponsive: readonly number[];
}

export type ToSupervisor =
  /** From now on the worker can be queried. */
  | { readonly kind: 'listening' }
  | { readonly kind: 'query'; readonly id: number; readonly query: WorkerQuery }
  | { readonly kind: 'report'; readonly id: number; readonly report: WorkerReport };

export type ToWorker =
  | { readonly kind: 'query'; readonly id: number; readonly query: WorkerQuery }
  | { readonly kind: 'reports'; readonly id: number; readonly reports: ClusterReports }
  /** Metrics are merged by the supervisor, which alone knows the counts of workers that have ended. */
  | { readonly kind: 'metrics'; readonly id: number; readonly text: string };
