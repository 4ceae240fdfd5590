import type { Instance } from '#contracts/registry';
import {
  createOutlierEjection,
  createOutlierState,
  ejectionsNow,
  mayProbe,
  type OutlierChange,
  type OutlierState,
} from '#kit/resilience/outlier-ejection';
import type { Attempt, AttemptResult, ExcludedInstance } from '../model/attempt';
import { type AttemptOwner, type Backend, BackendAttempt, createBackend } from './backend';
import { exclusionsOf } from './exclusions';
import { SLOW_START_STEP_MS, slowStartShare } from './slow-start';
import { createWeightedPool, type Drawn, type WeightedPool } from './weighted-pool';

/** Load and health of one instance, for operators. */
export interface InstanceLoad {
  readonly instance: Instance;
  readonly inFlight: number;
  readonly costMs: number;
  /** Remaining time of its ejection; 0 when it is not ejected. */
  readonly ejectedForMs: number;
  /** Recent ejections. */
  readonly ejections: number;
  /** Whether its ejection has expired, and it receives one request at a time until one succeeds. */
  readonly probing: boolean;
  /** Share of its weight during slow start, from 0.1 to 1. */
  readonly slowStartShare: number;
}

/** An instance was ejected, or has returned. */
export interface EjectionEvent {
  readonly instance: Instance;
  readonly change: NonNullable<OutlierChange>;
  /** Result of the attempt that caused it. */
  readonly result: AttemptResult;
  /** Duration of the ejection; 0 when it has returned. */
  readonly forMs: number;
  readonly ejections: number;
}

/** Selects among the instances of one service. */
export interface Balancer {
  /** Applies the registry's view; the state of instances that remain is preserved. */
  update(instances: readonly Instance[]): void;
  /** False when no instance may receive requests. */
  isAvailable(): boolean;
  /**
   * Selects an instance that is not in `tried`, in flight until its `done`; null when none is left.
   *
   * @param repeatable whether the request can be retried on another instance: only then may it probe an ejected one
   */
  pick(tried: ReadonlySet<string>, repeatable: boolean): Attempt | null;
  /** Requests of one instance in flight, without streams that have no end of their own. */
  activeRequests(instanceId: string): number;
  loads(): InstanceLoad[];
}

/** Results that are failures of the instance, not of one request. */
const FAILURES: ReadonlySet<AttemptResult> = new Set(['unavailable', 'unreachable', 'timeout', 'broken']);

/**
 * Power of two choices (Mitzenmacher): of two instances drawn by weight, the one with the lower score is selected.
 * Healthy instances that are not ejected come first; unhealthy ones are used only when there is no other, starting and
 * draining ones never.
 *
 * @param clock.now monotonic milliseconds
 * @param clock.random from 0 up to 1
 * @param onEjection called on ejections and returns
 */
export function createBalancer(
  clock: { now: () => number; random: () => number },
  onEjection: (event: EjectionEvent) => void = () => undefined,
): Balancer {
  const ejection = createOutlierEjection();
  let backends = new Map<string, Backend>();
  let up = createWeightedPool<Backend>([]);
  let unhealthy = createWeightedPool<Backend>([]);
  let ejected: Backend[] = [];
  let excluded: readonly ExcludedInstance[] = [];
  /** When the pools have to be rebuilt because of slow start. */
  let stepAtMs = Number.POSITIVE_INFINITY;

  function update(instances: readonly Instance[]): void {
    const nowMs = clock.now();
    const next = new Map<string, Backend>();
    for (const instance of instances) {
      const backend = backends.get(instance.instance_id) ?? createBackend(instance, nowMs);
      // Another process at its address: the failures were those of the one before it.
      if (backend.instance.registered_at !== instance.registered_at) backend.outlier = createOutlierState();
      if (backend.instance.state !== 'up' && instance.state === 'up') backend.upSinceMs = nowMs;
      backend.instance = instance;
      next.set(instance.instance_id, backend);
    }
    backends = next;
    const eligible = [...next.values()].filter(
      ({ instance: { state, weight } }) => state === 'up' && weight > 0,
    );
    ejection.setMembers(eligible.map(({ outlier }) => outlier));
    buildPools(nowMs);
  }

  function buildPools(nowMs: number): void {
    const inState = (state: Instance['state']) =>
      [...backends.values()].filter((backend) => backend.instance.state === state);
    ejected = inState('up').filter(isEjected);
    const taking = inState('up').filter((backend) => !isEjected(backend));
    // Where all instances are new, none can take the larger share.
    const hasWarmedUp = taking.some((backend) => shareOf(backend, nowMs) === 1);
    for (const backend of backends.values())
      backend.weight = backend.instance.weight * (hasWarmedUp ? shareOf(backend, nowMs) : 1);
    const isStarting = taking.some((backend) => shareOf(backend, nowMs) < 1);
    stepAtMs = isStarting ? nowMs + SLOW_START_STEP_MS : Number.POSITIVE_INFINITY;
    excluded = exclusionsOf(backends.values(), hasWarmedUp ? nowMs : null);
    up = createWeightedPool(taking);
    unhealthy = createWeightedPool(inState('unhealthy'));
  }

  const owner: AttemptOwner = {
    now: clock.now,
    excluded: () => excluded,
    ended(backend, result, wasProbe, nowMs) {
      const { outlier, instance } = backend;
      if (result === 'abandoned') {
        if (wasProbe) outlier.probing = false;
        return;
      }
      const change = FAILURES.has(result)
        ? ejection.failed(outlier, wasProbe, nowMs)
        : ejection.succeeded(outlier, wasProbe, nowMs);
      if (change === null) return;
      if (change === 'returned') {
        backend.upSinceMs = nowMs;
        backend.latency.reset();
      }
      buildPools(nowMs);
      const forMs = ejectedForMs(outlier, nowMs);
      onEjection({ instance, change, result, forMs, ejections: outlier.ejections });
    },
  };

  function choose(pool: WeightedPool<Backend>, tried: ReadonlySet<string>, nowMs: number): Attempt | null {
    // Retries are rare enough to filter the pool.
    const untried =
      tried.size === 0 ? pool : createWeightedPool(pool.members.filter((one) => !isTried(one, tried)));
    const drawn = untried.drawTwo(clock.random);
    if (drawn === null) return null;
    const { first, second } = drawn;
    const firstScore = score(first, nowMs, clock.random);
    const isProbe = false;
    if (first === second) {
      const selection = { backend: first.member, score: firstScore, other: null, otherScore: 0, isProbe };
      return new BackendAttempt(owner, selection, nowMs);
    }
    const secondScore = score(second, nowMs, clock.random);
    const selection =
      firstScore <= secondScore
        ? {
            backend: first.member,
            score: firstScore,
            other: second.member,
            otherScore: secondScore,
            isProbe,
          }
        : {
            backend: second.member,
            score: secondScore,
            other: first.member,
            otherScore: firstScore,
            isProbe,
          };
    return new BackendAttempt(owner, selection, nowMs);
  }

  function probe(tried: ReadonlySet<string>, repeatable: boolean, nowMs: number): Attempt | null {
    const due = ejected.find((one) => mayProbe(one.outlier, nowMs, repeatable) && !isTried(one, tried));
    if (due === undefined) return null;
    due.outlier.probing = true;
    const selection = { backend: due, score: 0, other: null, otherScore: 0, isProbe: true };
    return new BackendAttempt(owner, selection, nowMs);
  }

  return {
    update,
    isAvailable: () => up.members.length + unhealthy.members.length > 0,
    pick(tried, repeatable) {
      const nowMs = clock.now();
      if (nowMs >= stepAtMs) buildPools(nowMs);
      // A retry has failed once already: it does not probe.
      if (ejected.length > 0 && tried.size === 0) {
        const found = probe(tried, repeatable, nowMs);
        if (found !== null) return found;
      }
      return choose(up, tried, nowMs) ?? choose(unhealthy, tried, nowMs);
    },
    activeRequests(instanceId) {
      const backend = backends.get(instanceId);
      return backend === undefined ? 0 : backend.inFlight - backend.detached;
    },
    loads() {
      const nowMs = clock.now();
      const hasWarmedUp = up.members.some((backend) => shareOf(backend, nowMs) === 1);
      return [...backends.values()].map((backend) => ({
        instance: backend.instance,
        inFlight: backend.inFlight,
        costMs: backend.latency.costMs(nowMs),
        ejectedForMs: ejectedForMs(backend.outlier, nowMs),
        ejections: ejectionsNow(backend.outlier, nowMs),
        probing: isEjected(backend) && ejectedForMs(backend.outlier, nowMs) === 0,
        slowStartShare: hasWarmedUp ? shareOf(backend, nowMs) : 1,
      }));
    },
  };
}

const isEjected = ({ outlier }: Backend) => outlier.ejectedUntilMs !== null;
const isTried = ({ instance }: Backend, tried: ReadonlySet<string>) => tried.has(instance.instance_id);
const shareOf = ({ upSinceMs }: Backend, nowMs: number) => slowStartShare(nowMs - upSinceMs);
const ejectedForMs = ({ ejectedUntilMs }: OutlierState, nowMs: number) =>
  Math.max(0, (ejectedUntilMs ?? 0) - nowMs);

/**
 * Latency × (in-flight + 1), where 1 is the mean of an exponential variable: of two instances with the same cost and
 * nothing in flight each is selected in proportion to its scale (the race of exponential clocks). Drawing two by weight
 * already favours the heavy one; the scale of 1 − share brings each to exactly its share.
 */
function score({ member, share }: Drawn<Backend>, nowMs: number, random: () => number): number {
  return member.latency.costMs(nowMs) * (member.inFlight - Math.log(1 - random())) * (1 - share);
}
