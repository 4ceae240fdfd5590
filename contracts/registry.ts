import { type Static, Type } from '@sinclair/typebox';

/** The access rule of a route. */
export const RouteAccess = Type.String({
  maxLength: 80,
  description: '`public`, `optional`, `user`, `service`, or the required permission, like `posts:moderate`',
});

/** The strict rate limits that a route can select; the gateway defines their quotas. */
export const RateLimitName = Type.Union([
  Type.Literal('sign-in'),
  Type.Literal('registration'),
  Type.Literal('password-reset'),
]);
export type RateLimitName = Static<typeof RateLimitName>;

export const RouteClaim = Type.Object({
  method: Type.String({ pattern: '^[A-Z]{1,16}$' }),
  path: Type.String({
    pattern: '^/',
    maxLength: 512,
    description: 'Pattern with `:name` parameters and a final `*`',
  }),
  auth: RouteAccess,
  body_bytes: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1024 ** 3,
      description: 'Maximum size of a request body; 1 MiB by default',
    }),
  ),
  timeout_ms: Type.Optional(
    Type.Integer({
      minimum: 100,
      maximum: 600_000,
      description: 'Timeout of a request; 30 s by default',
    }),
  ),
  hedge_ms: Type.Optional(
    Type.Integer({
      minimum: 10,
      maximum: 10_000,
      description: 'GET only: delay after which the request is also sent to a second instance (hedging)',
    }),
  ),
  prefix_only: Type.Optional(
    Type.Boolean({
      description: 'Routed below the prefixes of its service only, not at the root',
    }),
  ),
  rate_limit: Type.Optional(RateLimitName),
  idempotency_key: Type.Optional(
    Type.Boolean({
      description: 'Processes a request once per `Idempotency-Key`: one with a key may be sent again',
    }),
  ),
  cors: Type.Optional(
    Type.Literal('public', {
      description: 'Pages of any origin may read the responses, without credentials',
    }),
  ),
});
export type RouteClaim = Static<typeof RouteClaim>;

/** RFC 1123 label: the name is also used as route prefix, database name and Procfile name. */
export const ServiceName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' });

export const Registration = Type.Object(
  {
    name: ServiceName,
    version: Type.String({ minLength: 1, maxLength: 64 }),
    host: Type.String({ minLength: 1, maxLength: 253 }),
    port: Type.Integer({ minimum: 1, maximum: 65535 }),
    grpc_port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535 })),
    instance_id: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' })),
    weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, default: 100 })),
    zone: Type.Optional(Type.String({ maxLength: 64 })),
    state: Type.Optional(Type.Union([Type.Literal('starting'), Type.Literal('up')])),
    metadata: Type.Optional(
      Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 512 }), { maxProperties: 32 }),
    ),
    routes: Type.Array(RouteClaim, { maxItems: 512 }),
    prefixes: Type.Array(ServiceName, { maxItems: 16 }),
  },
  { additionalProperties: false },
);
export type Registration = Static<typeof Registration>;

/** The heartbeat interval, and the time without heartbeats after which an instance is unhealthy or removed. */
export const Lease = Type.Object({
  heartbeat_seconds: Type.Integer(),
  unhealthy_seconds: Type.Integer(),
  removed_seconds: Type.Integer(),
});
export type Lease = Static<typeof Lease>;

export const Registered = Type.Object({
  instance_id: Type.String(),
  lease_secret: Type.String({ description: 'Authenticates heartbeats and deregistration; never listed' }),
  lease: Lease,
  revision: Type.Integer(),
});
export type Registered = Static<typeof Registered>;

export const Heartbeat = Type.Object(
  {
    state: Type.Optional(
      Type.Union([Type.Literal('starting'), Type.Literal('up'), Type.Literal('draining')]),
    ),
    load: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 })),
  },
  { additionalProperties: false },
);
export type Heartbeat = Static<typeof Heartbeat>;

export const InstanceState = Type.Union([
  Type.Literal('starting'),
  Type.Literal('up'),
  Type.Literal('draining'),
  Type.Literal('unhealthy'),
]);
export type InstanceState = Static<typeof InstanceState>;

/** One running process of a service, as listed. */
export const Instance = Type.Object({
  instance_id: Type.String(),
  name: ServiceName,
  version: Type.String(),
  host: Type.String(),
  port: Type.Integer(),
  grpc_port: Type.Optional(Type.Integer()),
  weight: Type.Integer(),
  zone: Type.Optional(Type.String()),
  metadata: Type.Record(Type.String(), Type.String()),
  routes: Type.Array(RouteClaim),
  prefixes: Type.Array(ServiceName),
  state: InstanceState,
  protected: Type.Boolean({
    description:
      'Without heartbeats, but retained because most instances of its service lost theirs at the same time',
  }),
  load: Type.Optional(Type.Number()),
  registered_at: Type.String({ description: 'ISO 8601, UTC' }),
  changed_at_revision: Type.Integer(),
});
export type Instance = Static<typeof Instance>;

/**
 * The whole table at one revision. A service without instances remains as an empty list: a tombstone that distinguishes
 * "all gone" from "this registry is new and has no registrations yet". `epoch` changes with every start of a registry, so
 * that watchers know when revisions start over.
 */
export const ServicesSnapshot = Type.Object({
  epoch: Type.String(),
  started_at: Type.String({
    description: 'Start of this registry, ISO 8601; shortly after it the table may be incomplete',
  }),
  complete: Type.Optional(
    Type.Boolean({
      description: 'Replicas share this table: it is complete from the start',
    }),
  ),
  revision: Type.Integer(),
  services: Type.Record(ServiceName, Type.Array(Instance)),
});
export type ServicesSnapshot = Static<typeof ServicesSnapshot>;

/** The first event of `GET /watch?acknowledges=true`, as `event: watcher`. */
export const WatcherAnnouncement = Type.Object({
  token: Type.String({
    description: 'Authenticates acknowledgements of this watcher, while its stream is open',
  }),
});

/** The body of `POST /drained/{name}/{instance_id}` from an acknowledging watcher. */
export const DrainAcknowledgement = Type.Object(
  {
    revision: Type.Integer({
      minimum: 0,
      description: 'The `changed_at_revision` of the acknowledged change',
    }),
  },
  { additionalProperties: false },
);
export type DrainAcknowledgement = Static<typeof DrainAcknowledgement>;

/** The response to `DELETE /deregister/{instance_id}?wait=drained` when requests may still be in flight. */
export const IncompleteDrain = Type.Object({
  drained: Type.Literal(false),
  acknowledged_by: Type.Integer({ description: 'Gateways that have drained the instance' }),
  waiting_for: Type.Integer({
    description: 'Gateways that have not; 0 in both fields: no acknowledging gateway is connected',
  }),
});
export type IncompleteDrain = Static<typeof IncompleteDrain>;

/** The data of `event: change` of `GET /watch`; the SSE id is `<epoch>:<revision>`. */
export const ServiceChange = Type.Object({
  revision: Type.Integer(),
  name: ServiceName,
  instances: Type.Array(Instance, {
    description: 'All instances of the service after the change; empty when there are none',
  }),
});
export type ServiceChange = Static<typeof ServiceChange>;
