import type { Instance } from '#contracts/registry';
import { createOutlierState, type OutlierState } from '#kit/resilience/outlier-ejection';
import type { Attempt, Considered, HeldBack, TryResult } from '../model/attempt';
import { createLatency, type Latency } from './latency';

/** What the balancer keeps of one instance. */
export interface Backend {
  instance: Instance;
  /** What it is drawn by now: less than its instance's weight while it starts slowly. */
  weight: number;
  readonly latency: Latency;
  readonly standing: OutlierState;
  inFlight: number;
  /** Those in flight that have become streams. */
  detached: number;
  /** Since when it takes part, in monotonic milliseconds: since it was up, or came back from an ejection. */
  upSinceMs: number;
}

/** What a try needs of its balancer. */
export interface TryOwner {
  readonly now: () => number;
  /** As it is now; replaced as a whole when it changes. */
  readonly heldBack: () => readonly HeldBack[];
  tried(backend: Backend, result: TryResult, wasProbe: boolean, nowMs: number): void;
}

export const createBackend = (instance: Instance, nowMs: number): Backend => ({
  instance,
  weight: instance.weight,
  latency: createLatency(nowMs),
  standing: createOutlierState(),
  inFlight: 0,
  detached: 0,
  upSinceMs: nowMs,
});

/** A class, because there is one for every request: what was considered costs two fields, and no closure is made. */
export class BackendAttempt implements Attempt {
  readonly heldBack: readonly HeldBack[];
  result: TryResult | null = null;
  latencyMs = 0;
  private isDetached = false;
  private isAnswered = false;

  constructor(
    private readonly owner: TryOwner,
    private readonly backend: Backend,
    private readonly score: number,
    private readonly other: Backend | null,
    private readonly otherScore: number,
    readonly isProbe: boolean,
    readonly startedMs: number,
  ) {
    this.heldBack = owner.heldBack();
    backend.inFlight++;
    backend.latency.sent(startedMs);
  }

  get instanceId() {
    return this.backend.instance.instance_id;
  }

  get host() {
    return this.backend.instance.host;
  }

  get port() {
    return this.backend.instance.port;
  }

  get considered(): readonly Considered[] {
    const chosen = { instanceId: this.instanceId, score: this.score };
    if (this.other === null) return [chosen];
    return [chosen, { instanceId: this.other.instance.instance_id, score: this.otherScore }];
  }

  answered(nowMs: number) {
    if (this.isAnswered || this.result !== null) return;
    this.isAnswered = true;
    this.latencyMs = nowMs - this.startedMs;
    this.backend.latency.settled(true, nowMs);
    this.backend.latency.observe(true, this.latencyMs, nowMs);
  }

  done(result: TryResult, latencyMs: number) {
    if (this.result !== null) return;
    const { backend } = this;
    const nowMs = this.owner.now();
    this.result = result;
    this.latencyMs = latencyMs;
    backend.inFlight--;
    if (this.isDetached) backend.detached--;
    const ok = result === 'answered' || result === 'abandoned';
    if (!this.isAnswered) backend.latency.settled(result !== 'abandoned', nowMs);
    // What a head has told is not told again by its body.
    if (!this.isAnswered || !ok) backend.latency.observe(ok, latencyMs, nowMs);
    this.owner.tried(backend, result, this.isProbe, nowMs);
  }

  detach() {
    if (this.isDetached || this.result !== null) return;
    this.isDetached = true;
    this.backend.detached++;
  }
}
