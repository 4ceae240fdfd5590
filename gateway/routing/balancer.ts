import type { Instance } from '#contracts/registry';
import type { Attempt, Considered, TryResult } from '../decision';
import { createLatency, type Latency } from './latency';
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

/** Chooses among the instances of one service. */
export interface Balancer {
  /** Takes over the registry's view; what was learned of instances that stay is kept. */
  update(instances: readonly Instance[]): void;
  /** False when no instance may take a request at all. */
  isAvailable(): boolean;
  /** An instance that is not in `tried`, counted as in flight until its `done`; null when none is left. */
  pick(tried: ReadonlySet<string>): Attempt | null;
  /** Requests of one instance that run and will end: streams without an end of their own are not among them. */
  unfinished(instanceId: string): number;
  loads(): InstanceLoad[];
}

interface Backend {
  instance: Instance;
  weight: number;
  readonly latency: Latency;
  inFlight: number;
  /** Those in flight that have become streams. */
  detached: number;
}

/**
 * Power of two choices (Mitzenmacher): of two instances drawn by weight, the one with the lower score takes the
 * request. Instances that are up come first; unhealthy ones are asked only when there is no other, starting and
 * draining ones never.
 *
 * @param clock.now monotonic milliseconds
 * @param clock.random from 0 up to 1
 */
export function createBalancer(clock: { now: () => number; random: () => number }): Balancer {
  let backends = new Map<string, Backend>();
  let up = createWeightedPool<Backend>([]);
  let unhealthy = createWeightedPool<Backend>([]);

  function update(instances: readonly Instance[]): void {
    const next = new Map<string, Backend>();
    for (const instance of instances) {
      const known = backends.get(instance.instance_id);
      const backend = known ?? {
        instance,
        weight: 0,
        latency: createLatency(clock.now),
        inFlight: 0,
        detached: 0,
      };
      backend.instance = instance;
      backend.weight = instance.weight;
      next.set(instance.instance_id, backend);
    }
    backends = next;
    const inState = (state: Instance['state']) =>
      createWeightedPool([...next.values()].filter((backend) => backend.instance.state === state));
    up = inState('up');
    unhealthy = inState('unhealthy');
  }

  function choose(pool: WeightedPool<Backend>, tried: ReadonlySet<string>): Attempt | null {
    // A retry is rare enough to look through the pool.
    const untried =
      tried.size === 0 ? pool : createWeightedPool(pool.members.filter((one) => !isTried(one, tried)));
    const drawn = untried.drawTwo(clock.random);
    if (drawn === null) return null;
    const { first, second } = drawn;
    const firstScore = score(first, clock.random);
    if (first === second) return new BackendAttempt(first.member, firstScore, null, 0);
    const secondScore = score(second, clock.random);
    return firstScore <= secondScore
      ? new BackendAttempt(first.member, firstScore, second.member, secondScore)
      : new BackendAttempt(second.member, secondScore, first.member, firstScore);
  }

  return {
    update,
    isAvailable: () => up.members.length + unhealthy.members.length > 0,
    pick: (tried) => choose(up, tried) ?? choose(unhealthy, tried),
    unfinished(instanceId) {
      const backend = backends.get(instanceId);
      return backend === undefined ? 0 : backend.inFlight - backend.detached;
    },
    loads: () =>
      [...backends.values()].map(({ instance, inFlight, latency }) => ({
        instance,
        inFlight,
        costMs: latency.costMs(),
        ejectedForMs: 0,
        ejections: 0,
        probing: false,
        slowStartShare: 1,
      })),
  };
}

const isTried = ({ instance }: Backend, tried: ReadonlySet<string>) => tried.has(instance.instance_id);

/**
 * Latency × (in-flight + 1), where 1 is the mean of an exponential variable: of two instances with the same cost and
 * nothing in flight each then wins as often as its scale says (the race of exponential clocks). Drawing two by weight
 * already favours the heavy; the scale of 1 − share brings each to exactly its share.
 */
function score({ member, share }: Drawn<Backend>, random: () => number): number {
  return member.latency.costMs() * (member.inFlight - Math.log(1 - random())) * (1 - share);
}

/** A class, because there is one for every request: what was considered costs two fields, and no closure is made. */
class BackendAttempt implements Attempt {
  result: TryResult | null = null;
  latencyMs = 0;
  private isDetached = false;

  constructor(
    private readonly backend: Backend,
    private readonly score: number,
    private readonly other: Backend | null,
    private readonly otherScore: number,
  ) {
    backend.inFlight++;
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

  done(result: TryResult, latencyMs: number) {
    if (this.result !== null) return;
    this.result = result;
    this.latencyMs = latencyMs;
    this.backend.inFlight--;
    if (this.isDetached) this.backend.detached--;
    this.backend.latency.observe(result === 'answered' || result === 'abandoned', latencyMs);
  }

  detach() {
    if (this.isDetached || this.result !== null) return;
    this.isDetached = true;
    this.backend.detached++;
  }
}
