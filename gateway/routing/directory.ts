import type { Instance, ServicesSnapshot } from '#contracts/registry';
import type { CircuitBreaker, RetryBudget } from '../model/resilience';
import type { FindTranscoded } from '../transcoding/rules';
import { type Balancer, createBalancer, type EjectionEvent } from './balancer';
import { type BreakerThresholds, createCircuitBreaker, DEFAULT_THRESHOLDS } from './circuit-breaker';
import { createRetryBudget } from './retry-budget';
import { createRouteTable, type RoutedClaim, type RoutedService, type RouteTable } from './route-table';

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
  /** Whether an instance can be called over gRPC now. */
  readonly servesGrpc: boolean;
  /** When its last instance went, by the directory's clock; undefined while it has one. */
  readonly goneAtMs: number | undefined;
}

/** The registry's view, prepared for routing. */
export interface Directory {
  /** False until a first snapshot was received from the registry. */
  isReady(): boolean;
  /** False while a registry that has just started is still receiving registrations: an unknown path may become known. */
  isSettled(): boolean;
  /** The registry revision that is routed by. */
  revision(): number;
  /** Replaced as a whole when the services' claims have changed. */
  routes(): RouteTable;
  service(name: string): KnownService | undefined;
  /** True when an instance receives no new requests from here, and those in flight have ended. */
  isDrained(name: string, instanceId: string): boolean;
  /** All known services by name, including those without an instance. */
  services(): KnownService[];
  /** @param listener called with the names of the changed services after routes and instances are updated */
  onChange(listener: (names: readonly string[]) => void): void;
}

/** A clock and a source of randomness, replaced in tests. */
export interface ClockAndRandom {
  readonly now: () => number;
  readonly random: () => number;
}

/** Thresholds of the circuit breakers, and callbacks for their changes and for ejections. */
export interface ResilienceOptions {
  readonly thresholds: BreakerThresholds;
  readonly onEjection: (event: EjectionEvent) => void;
  /** Called when a service's circuit opens, and when it closes. */
  readonly onCircuitChange: (service: string, isOpen: boolean) => void;
}

export interface DirectoryOptions {
  /** Finds the gRPC method a claimed route is transcoded to. */
  readonly findTranscoded?: FindTranscoded;
  readonly clock?: ClockAndRandom;
  readonly resilience?: ResilienceOptions;
}

const DEFAULT_RESILIENCE: ResilienceOptions = {
  thresholds: DEFAULT_THRESHOLDS,
  onEjection: () => undefined,
  onCircuitChange: () => undefined,
};

/**
 * Follows the registry. Instances are updated at once; the route table is rebuilt only when claims have changed.
 *
 * A service without instances keeps its routes while the registry retains it: a known path without an instance is
 * unavailable, not unknown.
 */
export function createDirectory(
  registry: RegistrySource,
  {
    findTranscoded = () => undefined,
    clock = { now: () => performance.now(), random: Math.random },
    resilience = DEFAULT_RESILIENCE,
  }: DirectoryOptions = {},
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
    if (!claimsChanged) return;
    const { live = [], gone = [] } = Object.groupBy([...known.values()].sort(byAge), (service) =>
      service.instances.length > 0 ? 'live' : 'gone',
    );
    table = createRouteTable(live, findTranscoded, gone);
  }

  function updated(
    name: string,
    before: KnownService | undefined,
    instances: readonly Instance[],
  ): KnownService {
    const { balancer, breaker, retryBudget } = before ?? createResilience(name);
    balancer.update(instances);
    breaker.instancesChanged();
    const claims = instances.length > 0 ? unionOf(instances) : (before ?? ALL_BELOW_PREFIX);
    const { routes, prefixes } = claims;
    return {
      name,
      instances,
      balancer,
      breaker,
      retryBudget,
      servesGrpc: instances.some(servesGrpc),
      goneAtMs: instances.length > 0 ? undefined : (before?.goneAtMs ?? clock.now()),
      routes,
      prefixes,
    };
  }

  /** State of a service that outlives its instances. */
  function createResilience(name: string) {
    const breaker = createCircuitBreaker(resilience.thresholds, clock.now, (isOpen) =>
      resilience.onCircuitChange(name, isOpen),
    );
    const retryBudget = createRetryBudget(
      () => breaker.inFlight,
      () => breaker.begun,
    );
    return { balancer: createBalancer(clock, resilience.onEjection), breaker, retryBudget };
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
      return instance.state === 'draining' && service.balancer.activeRequests(instanceId) === 0;
    },
    services: () => [...known.values()].sort((left, right) => compare(left.name, right.name)),
    onChange: (listener) => void listeners.add(listener),
  };
}

const servesGrpc = ({ grpc_port, state }: Instance) =>
  grpc_port !== undefined && (state === 'up' || state === 'unhealthy');

/** Of a service that lost its last instance before this gateway started: all its paths are unavailable, not unknown. */
const ALL_BELOW_PREFIX: Pick<RoutedService, 'routes' | 'prefixes'> = {
  routes: [{ method: 'ALL', path: '/*', auth: 'public', prefix_only: true }],
  prefixes: [],
};

/** Everything the route table depends on; the age resolves conflicts. */
const claimsOf = (service: KnownService | undefined) =>
  service && [service.routes, service.prefixes, ageOf(service)];

/** The claims of all instances; while versions differ, the higher limits apply. */
function unionOf(instances: readonly Instance[]): Pick<RoutedService, 'routes' | 'prefixes'> {
  const routes = new Map<string, RoutedClaim>();
  const claims = instances.flatMap(({ routes: own, auth_by }) => own.map((claim) => ({ ...claim, auth_by })));
  for (const claim of claims) {
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

function moreGenerous(left: RoutedClaim, right: RoutedClaim): RoutedClaim {
  const bodyBytes = Math.max(left.body_bytes ?? 0, right.body_bytes ?? 0);
  const timeoutMs = Math.max(left.timeout_ms ?? 0, right.timeout_ms ?? 0);
  const hedgeMs = Math.max(left.hedge_ms ?? 0, right.hedge_ms ?? 0);
  const rateLimit = left.rate_limit ?? right.rate_limit;
  const { idempotency_key: _, cors: __, ...rest } = left;
  return {
    ...rest,
    ...stricterAccess(left, right),
    // A promise that one of them does not make cannot be relied on.
    ...(left.idempotency_key === true && right.idempotency_key === true && { idempotency_key: true }),
    ...(left.cors !== undefined && left.cors === right.cors && { cors: left.cors }),
    ...(rateLimit !== undefined && { rate_limit: rateLimit }),
    ...(bodyBytes > 0 && { body_bytes: bodyBytes }),
    ...(timeoutMs > 0 && { timeout_ms: timeoutMs }),
    ...(hedgeMs > 0 && { hedge_ms: hedgeMs }),
  };
}

/** While versions differ, what only one of them leaves to the gateway is enforced there for both. */
function stricterAccess(left: RoutedClaim, right: RoutedClaim): Pick<RoutedClaim, 'auth' | 'auth_by'> {
  const isLeftOpen = left.auth_by === 'service' || left.auth === 'public';
  const { auth, auth_by } = isLeftOpen && right.auth_by !== 'service' ? right : left;
  return { auth, auth_by };
}

/** The oldest service first, so that every gateway resolves conflicts alike. */
const byAge = (left: KnownService, right: KnownService) =>
  compare(ageOf(left), ageOf(right)) || compare(left.name, right.name);

const GONE = '~';
const ageOf = ({ instances }: KnownService): string =>
  instances.map(({ registered_at }) => registered_at).sort()[0] ?? GONE;

const compare = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);
