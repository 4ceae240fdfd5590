import type { Instance } from '#contracts/registry';
import {
  createOutlierEjection,
  ejectionsNow,
  mayProbe,
  type OutlierChange,
  type OutlierState,
} from '#kit/resilience/outlier-ejection';
import type { Attempt, HeldBack, TryResult } from '../model/attempt';
import { type Backend, BackendAttempt, createBackend, type TryOwner } from './backend';
import { heldBackOf } from './exclusions';
import { SLOW_START_STEP_MS, slowStartShare } from './slow-start';
import { createWeightedPool, type Drawn, type WeightedPool } from './weighted-pool';

/** What is known of one instance, for operators. */
export interface InstanceLoad {
  readonly instance: Instance;
  readonly inFlight: number;
  readonly costMs: number;
  /** How much longer it gets no requests because it failed too often; 0 when it is not ejected. */
  readonly ejectedForMs: number;
  /** How often it was ejected lately. */
  readonly ejections: number;
  /** Whether it was ejected, its time is over, and it gets one request at a time until one succeeds. */
  readonly probing: boolean;
  /** What it gets of its share while it starts slowly, from 0.1 to 1. */
  readonly slowStartShare: number;
}

/** An instance was taken out, or has come back. */
export interface EjectionNews {
  readonly instance: Instance;
  readonly change: NonNullable<OutlierChange>;
  /** How the try ended that decided it. */
  readonly result: TryResult;
  /** How long it is out; 0 when it has come back. */
  readonly forMs: number;
  readonly ejections: number;
}

/** Chooses among the instances of one service. */
export interface Balancer {
  /** Takes over the registry's view; what was learned of instances that stay is kept. */
  update(instances: readonly Instance[]): void;
  /** False when no instance may take a request at all. */
  isAvailable(): boolean;
  /**
   * An instance that is not in `tried`, counted as in flight until its `done`; null when none is left.
   *
   * @param repeatable whether the request can go to another instance when this one fails it: such a one may find out
   *   whether an ejected instance is well again
   */
  pick(tried: ReadonlySet<string>, repeatable: boolean): Attempt | null;
  /** Requests of one instance that run and will end: streams without an end of their own are not among them. */
  unfinished(instanceId: string): number;
  loads(): InstanceLoad[];
}

/** Results that say something about the instance, and not about one request. */
const FAILURES: ReadonlySet<TryResult> = new Set(['unavailable', 'unreachable', 'timeout', 'broken']);

/**
 * Power of two choices (Mitzenmacher): of two instances drawn by weight, the one with the lower score takes the
 * request. Instances that are up come first, without those that are ejected; unhealthy ones are asked only when there
 * is no other, starting and draining ones never.
 *
 * @param clock.now monotonic milliseconds
 * @param clock.random from 0 up to 1
 * @param tell hears of ejections and returns
 */
export function createBalancer(
  clock: { now: () => number; random: () => number },
  tell: (news: EjectionNews) => void = () => undefined,
): Balancer {
  const ejection = createOutlierEjection();
  let backends = new Map<string, Backend>();
  let up = createWeightedPool<Backend>([]);
  let unhealthy = createWeightedPool<Backend>([]);
  let ejected: Backend[] = [];
  let heldBack: readonly HeldBack[] = [];
  /** When the pools have to be made anew, because somebody starts slowly. */
  let stepAtMs = Number.POSITIVE_INFINITY;

  function update(instances: readonly Instance[]): void {
    const nowMs = clock.now();
    const next = new Map<string, Backend>();
    for (const instance of instances) {
      const backend = backends.get(instance.instance_id) ?? createBackend(instance, nowMs);
      if (backend.instance.state !== 'up' && instance.state === 'up') backend.upSinceMs = nowMs;
      backend.instance = instance;
      next.set(instance.instance_id, backend);
    }
    backends = next;
    const takingPart = [...next.values()].filter(
      ({ instance: { state, weight } }) => state === 'up' && weight > 0,
    );
    ejection.setMembers(takingPart.map(({ standing }) => standing));
    makePools(nowMs);
  }

  function makePools(nowMs: number): void {
    const inState = (state: Instance['state']) =>
      [...backends.values()].filter((backend) => backend.instance.state === state);
    ejected = inState('up').filter(isEjected);
    const taking = inState('up').filter((backend) => !isEjected(backend));
    // Where all are new there is nobody to take the larger share.
    const spares = taking.some((backend) => shareOf(backend, nowMs) === 1);
    for (const backend of backends.values())
      backend.weight = backend.instance.weight * (spares ? shareOf(backend, nowMs) : 1);
    const isStarting = taking.some((backend) => shareOf(backend, nowMs) < 1);
    stepAtMs = isStarting ? nowMs + SLOW_START_STEP_MS : Number.POSITIVE_INFINITY;
    heldBack = heldBackOf(backends.values(), spares ? nowMs : null);
    up = createWeightedPool(taking);
    unhealthy = createWeightedPool(inState('unhealthy'));
  }

  const owner: TryOwner = {
    now: clock.now,
    heldBack: () => heldBack,
    tried(backend, result, wasProbe, nowMs) {
      const { standing, instance } = backend;
      if (result === 'abandoned') {
        if (wasProbe) standing.probing = false;
        return;
      }
      const change = FAILURES.has(result)
        ? ejection.failed(standing, wasProbe, nowMs)
        : ejection.succeeded(standing, wasProbe, nowMs);
      if (change === null) return;
      if (change === 'returned') {
        backend.upSinceMs = nowMs;
        backend.latency.forget();
      }
      makePools(nowMs);
      tell({ instance, change, result, forMs: ejectedForMs(standing, nowMs), ejections: standing.ejections });
    },
  };

  function choose(pool: WeightedPool<Backend>, tried: ReadonlySet<string>, nowMs: number): Attempt | null {
    // A retry is rare enough to look through the pool.
    const untried =
      tried.size === 0 ? pool : createWeightedPool(pool.members.filter((one) => !isTried(one, tried)));
    const drawn = untried.drawTwo(clock.random);
    if (drawn === null) return null;
    const { first, second } = drawn;
    const firstScore = score(first, nowMs, clock.random);
    if (first === second) return new BackendAttempt(owner, first.member, firstScore, null, 0, false, nowMs);
    const secondScore = score(second, nowMs, clock.random);
    return firstScore <= secondScore
      ? new BackendAttempt(owner, first.member, firstScore, second.member, secondScore, false, nowMs)
      : new BackendAttempt(owner, second.member, secondScore, first.member, firstScore, false, nowMs);
  }

  function probe(tried: ReadonlySet<string>, repeatable: boolean, nowMs: number): Attempt | null {
    const due = ejected.find((one) => mayProbe(one.standing, nowMs, repeatable) && !isTried(one, tried));
    if (due === undefined) return null;
    due.standing.probing = true;
    return new BackendAttempt(owner, due, 0, null, 0, true, nowMs);
  }

  return {
    update,
    isAvailable: () => up.members.length + unhealthy.members.length > 0,
    pick(tried, repeatable) {
      const nowMs = clock.now();
      if (nowMs >= stepAtMs) makePools(nowMs);
      // A retry has failed once already: it does not find out about others.
      if (ejected.length > 0 && tried.size === 0) {
        const found = probe(tried, repeatable, nowMs);
        if (found !== null) return found;
      }
      return choose(up, tried, nowMs) ?? choose(unhealthy, tried, nowMs);
    },
    unfinished(instanceId) {
      const backend = backends.get(instanceId);
      return backend === undefined ? 0 : backend.inFlight - backend.detached;
    },
    loads() {
      const nowMs = clock.now();
      const spares = up.members.some((backend) => shareOf(backend, nowMs) === 1);
      return [...backends.values()].map((backend) => ({
        instance: backend.instance,
        inFlight: backend.inFlight,
        costMs: backend.latency.costMs(nowMs),
        ejectedForMs: ejectedForMs(backend.standing, nowMs),
        ejections: ejectionsNow(backend.standing, nowMs),
        probing: isEjected(backend) && ejectedForMs(backend.standing, nowMs) === 0,
        slowStartShare: spares ? shareOf(backend, nowMs) : 1,
      }));
    },
  };
}

const isEjected = ({ standing }: Backend) => standing.ejectedUntilMs !== null;
const isTried = ({ instance }: Backend, tried: ReadonlySet<string>) => tried.has(instance.instance_id);
const shareOf = ({ upSinceMs }: Backend, nowMs: number) => slowStartShare(nowMs - upSinceMs);
const ejectedForMs = ({ ejectedUntilMs }: OutlierState, nowMs: number) =>
  Math.max(0, (ejectedUntilMs ?? 0) - nowMs);

/**
 * Latency × (in-flight + 1), where 1 is the mean of an exponential variable: of two instances with the same cost and
 * nothing in flight each then wins as often as its scale says (the race of exponential clocks). Drawing two by weight
 * already favours the heavy; the scale of 1 − share brings each to exactly its share.
 */
function score({ member, share }: Drawn<Backend>, nowMs: number, random: () => number): number {
  return member.latency.costMs(nowMs) * (member.inFlight - Math.log(1 - random())) * (1 - share);
}
