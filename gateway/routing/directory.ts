import type { Instance, RouteClaim, ServicesSnapshot } from '#contracts/registry';
import type { CircuitBreaker, RetryBudget } from '../model/resilience';
import type { FindTranscoded } from '../transcoding/rules';
import { type Balancer, createBalancer, type EjectionNews } from './balancer';
import { type BreakerBounds, createCircuitBreaker, DEFAULT_BOUNDS } from './circuit-breaker';
import { createRetryBudget } from './retry-budget';
import { createRouteTable, type RoutedService, type RouteTable } from './route-table';

/** What the gateway needs of the registry's client. */
export interface RegistrySource {
  snapshot(): Pick<ServicesSnapshot, 'services'>;
  instances(name: string): readonly Instance[];
  onChange(listener: (names: readonly string[]) => void): () => void;
  revision(): number;
  ageMs(): number;
  isSettled(): boolean;
}

export interface KnownService extends RoutedService {
  readonly instances: readonly Instance[];
  readonly balancer: Balancer;
  readonly breaker: CircuitBreaker;
  readonly retryBudget: RetryBudget;
  /** Whether some instance can be called by gRPC now. */
  readonly answersGrpc: boolean;
}

/** The registry's view, made ready for routing. */
export interface Directory {
  /** False until the registry was heard from: nothing is known then, so nothing is unknown either. */
  isReady(): boolean;
  /** False while a registry that has just begun may not know everybody: an unknown address may be known in a moment. */
  isSettled(): boolean;
  /** The registry's revision that is routed by now. */
  revision(): number;
  /** Replaced as a whole when what services claim has changed. */
  routes(): RouteTable;
  service(name: string): KnownService | undefined;
  /** True when an instance gets no new request from here, and those it had have ended. */
  isDrained(name: string, instanceId: string): boolean;
  /** Every service heard of, those without an instance included, by name. */
  services(): KnownService[];
  /** @param listener gets the names of the services that changed, when routes and instances are in place */
  onChange(listener: (names: readonly string[]) => void): void;
}

/** A clock and a source of chance, so that tests can set both. */
export interface Chance {
  readonly now: () => number;
  readonly random: () => number;
}

/** How services are kept from failing as a whole. */
export interface Survival {
  readonly bounds: BreakerBounds;
  /** Hears of ejections and returns. */
  readonly ejection: (news: EjectionNews) => void;
  /** Hears when a service's circuit opens, and when it has closed. */
  readonly circuit: (service: string, isOpen: boolean) => void;
}

const UNTOLD: Survival = { bounds: DEFAULT_BOUNDS, ejection: () => undefined, circuit: () => undefined };

/**
 * Follows the registry. Instances come and go at once; the route table is built anew only when claims have changed.
 *
 * A service whose instances are all gone keeps its routes for as long as the registry remembers it: a known address
 * without an instance is unavailable, not unknown.
 *
 * @param findTranscoded which of the routes services claim are answered by gRPC
 */
export function createDirectory(
  registry: RegistrySource,
  findTranscoded: FindTranscoded = () => undefined,
  chance: Chance = { now: () => performance.now(), random: Math.random },
  survival: Survival = UNTOLD,
): Directory {
  const known = new Map<string, KnownService>();
  const listeners = new Set<(names: readonly string[]) => void>();
  let table = createRouteTable([], findTranscoded);

  registry.onChange((names) => {
    apply(names);
    for (const listener of listeners) listener(names);
  });
  apply(Object.keys(registry.snapshot().services));

  function apply(names: readonly string[]) {
    const { services } = registry.snapshot();
    let claimsChanged = false;
    for (const name of names) {
      const before = known.get(name);
      const after = name in services ? updated(name, before, registry.instances(name)) : undefined;
      if (after) known.set(name, after);
      else {
        before?.balancer.update([]);
        known.delete(name);
      }
      claimsChanged ||= !Bun.deepEquals(claimsOf(before), claimsOf(after));
    }
    if (claimsChanged) table = createRouteTable([...known.values()].sort(byAge), findTranscoded);
  }

  function updated(
    name: string,
    before: KnownService | undefined,
    instances: readonly Instance[],
  ): KnownService {
    const { balancer, breaker, retryBudget } = before ?? createSurvival(name);
    balancer.update(instances);
    breaker.instancesChanged();
    const claims = instances.length > 0 ? unionOf(instances) : (before ?? EVERYTHING_BELOW_ITS_NAME);
    const { routes, prefixes } = claims;
    return {
      name,
      instances,
      balancer,
      breaker,
      retryBudget,
      answersGrpc: instances.some(answersGrpc),
      routes,
      prefixes,
    };
  }

  /** What is learned of a service, and stays while its instances come and go. */
  function createSurvival(name: string) {
    const breaker = createCircuitBreaker(survival.bounds, chance.now, (isOpen) =>
      survival.circuit(name, isOpen),
    );
    const retryBudget = createRetryBudget(
      () => breaker.inFlight,
      () => breaker.begun,
    );
    return { balancer: createBalancer(chance, survival.ejection), breaker, retryBudget };
  }

  return {
    isReady: () => Number.isFinite(registry.ageMs()),
    isSettled: () => registry.isSettled(),
    revision: () => registry.revision(),
    routes: () => table,
    service: (name) => known.get(name),
    isDrained(name, instanceId) {
      const service = known.get(name);
      const instance = service?.instances.find((one) => one.instance_id === instanceId);
      if (service === undefined || instance === undefined) return true;
      return instance.state === 'draining' && service.balancer.unfinished(instanceId) === 0;
    },
    services: () => [...known.values()].sort((left, right) => compare(left.name, right.name)),
    onChange: (listener) => void listeners.add(listener),
  };
}

const answersGrpc = ({ grpc_port, state }: Instance) =>
  grpc_port !== undefined && (state === 'up' || state === 'unhealthy');

/** Of a service that was gone before this gateway started: whatever is asked of it is unavailable, not unknown. */
const EVERYTHING_BELOW_ITS_NAME: Pick<RoutedService, 'routes' | 'prefixes'> = {
  routes: [{ method: 'ALL', path: '/*', auth: 'public', prefix_only: true }],
  prefixes: [],
};

/** What decides about routes: who is older decides about conflicts, so it is part of it. */
const claimsOf = (service: KnownService | undefined) =>
  service && [service.routes, service.prefixes, ageOf(service)];

/** All that some instance claims; while versions differ, the higher limits hold. */
function unionOf(instances: readonly Instance[]): Pick<RoutedService, 'routes' | 'prefixes'> {
  const routes = new Map<string, RouteClaim>();
  for (const claim of instances.flatMap((instance) => instance.routes)) {
    const key = `${claim.method} ${claim.path}`;
    const known = routes.get(key);
    routes.set(key, known ? moreGenerous(known, claim) : claim);
  }
  const prefixes = new Set(instances.flatMap((instance) => instance.prefixes));
  return {
    routes: [...routes].sort(([left], [right]) => compare(left, right)).map(([, claim]) => claim),
    prefixes: [...prefixes].sort(),
  };
}

function moreGenerous(left: RouteClaim, right: RouteClaim): RouteClaim {
  const bodyBytes = Math.max(left.body_bytes ?? 0, right.body_bytes ?? 0);
  const timeoutMs = Math.max(left.timeout_ms ?? 0, right.timeout_ms ?? 0);
  const hedgeMs = Math.max(left.hedge_ms ?? 0, right.hedge_ms ?? 0);
  const rateLimit = left.rate_limit ?? right.rate_limit;
  return {
    ...left,
    ...(rateLimit !== undefined && { rate_limit: rateLimit }),
    ...(bodyBytes > 0 && { body_bytes: bodyBytes }),
    ...(timeoutMs > 0 && { timeout_ms: timeoutMs }),
    ...(hedgeMs > 0 && { hedge_ms: hedgeMs }),
  };
}

/** Services that run come before those that are gone, then the oldest first, so that every gateway decides the same. */
const byAge = (left: KnownService, right: KnownService) =>
  compare(ageOf(left), ageOf(right)) || compare(left.name, right.name);

const GONE = '~';
const ageOf = ({ instances }: KnownService): string =>
  instances.map(({ registered_at }) => registered_at).sort()[0] ?? GONE;

const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);
