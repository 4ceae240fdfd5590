import { type Static, t } from 'elysia';
import { InstanceState } from '#contracts/registry';
import { authorityOf } from '#kit/core/address';
import type { ClusterReports } from '../cluster/messages';
import type { Directory, KnownService } from '../routing/directory';
import type { FindTranscoded, TranscodedRoute } from '../transcoding/rules';

/** State of a service: that of its best instance. */
const ServiceState = t.UnionEnum(['up', 'starting', 'draining', 'unhealthy', 'gone']);

export interface ServiceStatus {
  readonly state: Static<typeof ServiceState>;
  /** Path of its documentation. */
  readonly docs: string;
  readonly instances: readonly {
    readonly instance_id: string;
    readonly version: string;
    readonly state: InstanceState;
    readonly since: string;
  }[];
}

export interface GatewayStatus {
  readonly name: string;
  readonly version: string;
  /** Age of the registry's last message; null before the first one. */
  readonly registry_age_ms: number | null;
  readonly services: Readonly<Record<string, ServiceStatus>>;
  readonly links: Readonly<Record<string, string>>;
}

export const RouteListing = t.Object({
  registry_age_ms: t.Nullable(t.Integer()),
  routes: t.Array(
    t.Object({
      method: t.String(),
      path: t.String({ description: 'Path at the gateway' }),
      service: t.String(),
      auth: t.String(),
      grpc_method: t.Optional(t.String({ description: 'The gRPC method the route is transcoded to' })),
      body_bytes: t.Optional(t.Integer()),
      timeout_ms: t.Optional(t.Integer()),
      hedge_ms: t.Optional(t.Integer()),
    }),
  ),
  services: t.Record(
    t.String(),
    t.Object({
      state: ServiceState,
      prefixes: t.Array(t.String()),
      instances: t.Array(
        t.Object({
          instance_id: t.String(),
          version: t.String(),
          address: t.String(),
          state: InstanceState,
          protected: t.Boolean(),
          weight: t.Integer(),
          in_flight: t.Integer({ description: 'Sum of all workers' }),
          latency_ms: t.Number({
            description: 'Cost used by the load balancer (Peak EWMA); the highest of all workers',
          }),
          workers: t.Array(
            t.Object({
              worker: t.Integer(),
              in_flight: t.Integer(),
              latency_ms: t.Number(),
              ejected_for_ms: t.Integer({
                description: 'Remaining time of its ejection',
              }),
              ejections: t.Integer({ description: 'Recent ejections' }),
              probing: t.Boolean({
                description:
                  'The ejection has expired; one request at a time probes the instance until one succeeds',
              }),
            }),
            { description: 'Each worker process observes latencies and failures on its own' },
          ),
        }),
      ),
    }),
  ),
  silent_workers: t.Array(t.Integer(), {
    description: 'Worker processes that did not reply in time: their loads are missing here',
  }),
});
export type RouteListing = Static<typeof RouteListing>;

const LINKS = {
  docs: '/docs',
  openapi: '/openapi.json',
  health: '/health',
  ready: '/readyz',
  metrics: '/metrics',
  routes: '/routes',
  explain: '/explain/{request_id}',
};

/** Long enough to notice that a service is gone; longer, and what was tried once would be shown for ever. */
const GONE_SHOWN_MS = 60 * 60_000;

/**
 * The public status: services and their states, without addresses.
 *
 * @param options.prefix what the links begin with: what was cut from the path of the request
 * @param options.now the directory's clock
 */
export const gatewayStatus = (
  directory: Pick<Directory, 'services'>,
  version: string,
  registryAgeMs: number,
  { prefix = '', now = () => performance.now() }: { prefix?: string; now?: () => number } = {},
): GatewayStatus => ({
  name: 'Rookery gateway',
  version,
  registry_age_ms: wholeMs(registryAgeMs),
  services: byName(shownIn(directory, now()), (service) => ({
    state: stateOf(service),
    docs: `${prefix}/${service.name}/docs`,
    instances: service.instances.map((one) => ({
      instance_id: one.instance_id,
      version: one.version,
      state: one.state,
      since: one.registered_at,
    })),
  })),
  links: Object.fromEntries(Object.entries(LINKS).map(([name, path]) => [name, prefix + path])),
});

/** The operators' view: every route with its service, every instance with its load in all workers. */
export function routeListing(
  directory: Directory,
  findTranscoded: FindTranscoded,
  registryAgeMs: number,
  cluster: ClusterReports,
): RouteListing {
  const table = directory.routes();
  const loads = loadsByInstance(cluster);
  return {
    registry_age_ms: wholeMs(registryAgeMs),
    routes: directory.services().flatMap(({ name, routes, servesGrpc }) =>
      routes.map(({ method, path, prefix_only: _, auth_by: __, ...claim }) => ({
        method,
        path: table.isRoot(name, method, path) ? path : `/${name}${path}`,
        service: name,
        ...claim,
        ...(servesGrpc && grpcMethodOf(findTranscoded(name, { method, path }))),
      })),
    ),
    services: byName(directory.services(), (service) => ({
      state: stateOf(service),
      prefixes: [...service.prefixes],
      instances: service.instances.map((instance) => {
        const workers = loads.get(instance.instance_id) ?? [];
        return {
          instance_id: instance.instance_id,
          version: instance.version,
          address: authorityOf(instance.host, instance.port),
          state: instance.state,
          protected: instance.protected,
          weight: instance.weight,
          in_flight: workers.reduce((sum, one) => sum + one.in_flight, 0),
          latency_ms: Math.max(0, ...workers.map((one) => one.latency_ms)),
          workers,
        };
      }),
    })),
    silent_workers: [...cluster.unresponsive],
  };
}

type WorkerLoad = RouteListing['services'][string]['instances'][number]['workers'][number];

function loadsByInstance({ reports }: ClusterReports): Map<string, WorkerLoad[]> {
  const known = reports.flatMap(({ worker, report: { loads = [] } }) =>
    loads.map(({ instanceId, inFlight, costMs, ejectedForMs, ejections, probing }) => ({
      instanceId,
      worker,
      in_flight: inFlight,
      latency_ms: Math.round(costMs * 100) / 100,
      ejected_for_ms: Math.round(ejectedForMs),
      ejections,
      probing,
    })),
  );
  const byInstance = Map.groupBy(known, ({ instanceId }) => instanceId);
  return new Map([...byInstance].map(([id, loads]) => [id, loads.map(({ instanceId: _, ...load }) => load)]));
}

const grpcMethodOf = (route: TranscodedRoute | undefined) =>
  route && { grpc_method: `${route.rpc.parent.typeName}/${route.rpc.name}` };

const BEST_FIRST: readonly InstanceState[] = ['up', 'starting', 'draining', 'unhealthy'];

const stateOf = ({ instances }: KnownService) =>
  BEST_FIRST.find((state) => instances.some((instance) => instance.state === state)) ?? 'gone';

const shownIn = (directory: Pick<Directory, 'services'>, nowMs: number) =>
  directory.services().filter(({ goneAtMs }) => goneAtMs === undefined || nowMs - goneAtMs < GONE_SHOWN_MS);

const byName = <Value>(
  services: readonly KnownService[],
  describe: (service: KnownService) => Value,
): Record<string, Value> => Object.fromEntries(services.map((service) => [service.name, describe(service)]));

const wholeMs = (ms: number) => (Number.isFinite(ms) ? Math.round(ms) : null);
