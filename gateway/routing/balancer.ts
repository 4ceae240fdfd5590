import type { Instance } from '#contracts/registry';
import type { Attempt } from '../decision';
import { createLatency, type Latency } from './latency';
import { createWeightedPool, type Drawn, type WeightedPool } from './weighted-pool';

/** What is known of one instance, for operators. */
export interface InstanceLoad {
  readonly instance: Instance;
  readonly inFlight: number;
  readonly costMs: number;
}

/** Chooses among the instances of one service. */
export interface Balancer {
  /** Takes over the registry's view; what was learned of instances that stay is kept. */
  update(instances: readonly Instance[]): void;
  /** False when no instance may take a request at all. */
  isAvailable(): boolean;
  /** An instance that is not in `tried`, counted as in flight until its `done`; null when none is left. */
  pick(tried: ReadonlySet<string>): Attempt | null;
  loads(): InstanceLoad[];
}

interface Backend {
  instance: Instance;
  weight: number;
  readonly latency: Latency;
  inFlight: number;
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
      const backend = known ?? { instance, weight: 0, latency: createLatency(clock.now), inFlight: 0 };
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

  function choose(pool: WeightedPool<Backend>, tried: ReadonlySet<string>): Backend | null {
    // A retry is rare enough to look through the pool.
    const untried =
      tried.size === 0 ? pool : createWeightedPool(pool.members.filter((one) => !isTried(one, tried)));
    const drawn = untried.drawTwo(clock.random);
    if (drawn === null) return null;
    const { first, second } = drawn;
    if (first === second) return first.member;
    return score(first, clock.random) <= score(second, clock.random) ? first.member : second.member;
  }

  return {
    update,
    isAvailable: () => up.members.length + unhealthy.members.length > 0,
    pick(tried) {
      const backend = choose(up, tried) ?? choose(unhealthy, tried);
      return backend && begin(backend);
    },
    loads: () =>
      [...backends.values()].map(({ instance, inFlight, latency }) => ({
        instance,
        inFlight,
        costMs: latency.costMs(),
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

function begin(backend: Backend): Attempt {
  const { instance_id: instanceId, host, port } = backend.instance;
  let isDone = false;
  backend.inFlight++;
  return {
    instanceId,
    host,
    port,
    done(outcome) {
      if (isDone) return;
      isDone = true;
      backend.inFlight--;
      backend.latency.observe(outcome);
    },
  };
}
