import type { Instance } from '#contracts/registry';
import { tlsNameOf } from '#kit/core/internal-tls';
import { createOutlierState, type OutlierState } from '#kit/resilience/outlier-ejection';
import type { Attempt, AttemptResult, Candidate, ExcludedInstance } from '../model/attempt';
import { createLatency, type Latency } from './latency';

/** The balancer's state of one instance. */
export interface Backend {
  instance: Instance;
  /** Effective weight: less than its instance's during slow start. */
  weight: number;
  readonly latency: Latency;
  outlier: OutlierState;
  inFlight: number;
  /** Attempts in flight that have become streams. */
  detached: number;
  /** Since when it receives requests, in monotonic milliseconds: since it was up, or returned from an ejection. */
  upSinceMs: number;
}

/** What an attempt needs of its balancer. */
export interface AttemptOwner {
  readonly now: () => number;
  /** Current exclusions; replaced as a whole when they change. */
  readonly excluded: () => readonly ExcludedInstance[];
  ended(backend: Backend, result: AttemptResult, wasProbe: boolean, nowMs: number): void;
}

/** The selected backend, and the one it was compared with. */
export interface Selection {
  readonly backend: Backend;
  readonly score: number;
  readonly other: Backend | null;
  readonly otherScore: number;
  readonly isProbe: boolean;
}

export const createBackend = (instance: Instance, nowMs: number): Backend => ({
  instance,
  weight: instance.weight,
  latency: createLatency(nowMs),
  outlier: createOutlierState(),
  inFlight: 0,
  detached: 0,
  upSinceMs: nowMs,
});

/** A class, because there is one for every forwarded request, and closures would be objects each. */
export class BackendAttempt implements Attempt {
  readonly excluded: readonly ExcludedInstance[];
  result: AttemptResult | null = null;
  failure: string | null = null;
  latencyMs = 0;
  private isDetached = false;
  private isAnswered = false;

  constructor(
    private readonly owner: AttemptOwner,
    private readonly selection: Selection,
    readonly startedMs: number,
  ) {
    const { backend } = selection;
    this.excluded = owner.excluded();
    backend.inFlight++;
    backend.latency.sent(startedMs);
  }

  get instanceId() {
    return this.selection.backend.instance.instance_id;
  }

  get host() {
    return this.selection.backend.instance.host;
  }

  get port() {
    return this.selection.backend.instance.port;
  }

  get tlsName() {
    const { name, tls } = this.selection.backend.instance;
    return tls ? tlsNameOf(name) : null;
  }

  get isProbe() {
    return this.selection.isProbe;
  }

  get candidates(): readonly Candidate[] {
    const { score, other, otherScore } = this.selection;
    const selected = { instanceId: this.instanceId, score };
    if (other === null) return [selected];
    return [selected, { instanceId: other.instance.instance_id, score: otherScore }];
  }

  answered(nowMs: number) {
    if (this.isAnswered || this.result !== null) return;
    const { latency } = this.selection.backend;
    this.isAnswered = true;
    this.latencyMs = nowMs - this.startedMs;
    latency.settled(true, nowMs);
    latency.observe(true, this.latencyMs, nowMs);
  }

  done(result: AttemptResult, latencyMs: number) {
    if (this.result !== null) return;
    const { backend, isProbe } = this.selection;
    const nowMs = this.owner.now();
    this.result = result;
    this.latencyMs = latencyMs;
    backend.inFlight--;
    if (this.isDetached) backend.detached--;
    const isSuccess = result === 'answered' || result === 'abandoned';
    if (!this.isAnswered) backend.latency.settled(result !== 'abandoned', nowMs);
    // A latency observed at the head is not observed again at the end of the body.
    if (!this.isAnswered || !isSuccess) backend.latency.observe(isSuccess, latencyMs, nowMs);
    this.owner.ended(backend, result, isProbe, nowMs);
  }

  detach() {
    if (this.isDetached || this.result !== null) return;
    this.isDetached = true;
    this.selection.backend.detached++;
  }
}
