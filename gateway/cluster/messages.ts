import type { Registry } from 'prom-client';
import type { Explained } from '../model/explanation';

/** What may be asked of every process of a gateway. */
export type Question =
  /** Whether it answers at all. */
  | { readonly about: 'presence' }
  | { readonly about: 'request'; readonly requestId: string }
  | { readonly about: 'loads' }
  | { readonly about: 'metrics' };

/** What one process knows about what was asked; the rest stays out. */
export interface Knowledge {
  readonly explained?: Explained;
  readonly loads?: readonly KnownLoad[];
  readonly metrics?: Metrics;
}

export type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** How one process sees an instance: what it has in flight there, and what it has learned of it. */
export interface KnownLoad {
  readonly instanceId: string;
  readonly inFlight: number;
  readonly costMs: number;
  readonly ejectedForMs: number;
  readonly ejections: number;
  readonly probing: boolean;
}

/** What came together. */
export interface Gathered {
  readonly answers: readonly { readonly worker: number; readonly knowledge: Knowledge }[];
  /** The workers that did not answer in time. */
  readonly silent: readonly number[];
}

export type ToSupervisor =
  /** From now on it can be asked. */
  | { readonly kind: 'listening' }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  | { readonly kind: 'answer'; readonly id: number; readonly knowledge: Knowledge };

export type ToWorker =
  | { readonly kind: 'question'; readonly id: number; readonly question: Question }
  | { readonly kind: 'gathered'; readonly id: number; readonly gathered: Gathered }
  /** Metrics come merged: what workers that have ended had counted is only known to the supervisor. */
  | { readonly kind: 'metrics'; readonly id: number; readonly text: string };
