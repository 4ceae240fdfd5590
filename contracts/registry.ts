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

const RouteFields = {
  method: Type.String({ maxLength: 16, description: 'In capitals, or `ALL` for any method' }),
  path: Type.String({
    maxLength: 512,
    description: 'Pattern with `:name` parameters and a final `*`; begins with a static segment',
  }),
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
  scope: Type.Optional(
    Type.String({
      maxLength: 80,
      description:
        'What an app needs that acts for a user, like `read:statuses`; without it apps are refused',
    }),
  ),
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
};

/** A route as it is listed. Gateways may be older than the registry: members that they do not know are no error. */
export const RouteClaim = Type.Object({ ...RouteFields, auth: RouteAccess });
export type RouteClaim = Static<typeof RouteClaim>;

/** A route as it is registered; `public` by default. */
const WantedRoute = Type.Object(
  { ...RouteFields, auth: Type.Optional(RouteAccess) },
  { additionalProperties: false },
);

/** RFC 1123 label: the name is also used as route prefix, database name and Procfile name. */
export const ServiceName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' });

/** A path on an instance that the registry calls itself. */
const OwnPath = (description: string, example: string) =>
  Type.String({ pattern: '^/[A-Za-z0-9._~/-]{0,200}$', description, examples: [example] });

export const AuthEnforcer = Type.Union([Type.Literal('gateway'), Type.Literal('service')], {
  default: 'gateway',
  description: 'Who enforces `auth` of the routes: the gateway, or the service itself',
});
export type AuthEnforcer = Static<typeof AuthEnforcer>;

/**
 * The body of `POST /register`. Name, host and port suffice: the instance then answers everything below `/{name}/…`, or,
 * with `openapi`, exactly what that document says.
 */
export const Registration = Type.Object(
  {
    name: ServiceName,
    version: Type.Optional(Type.String({ minLength: 1, maxLength: 64, default: '0.0.0' })),
    host: Type.String({ minLength: 1, maxLength: 253, examples: ['127.0.0.1', '::1'] }),
    port: Type.Integer({ minimum: 1, maximum: 65535 }),
    grpc_port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535 })),
    tls: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Both ports serve TLS, with a certificate for `{name}.rookery.internal` of the authority that all processes trust',
      }),
    ),
    instance_id: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' })),
    weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000, default: 100 })),
    zone: Type.Optional(Type.String({ maxLength: 64 })),
    state: Type.Optional(Type.Union([Type.Literal('starting'), Type.Literal('up')])),
    metadata: Type.Optional(
      Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 512 }), { maxProperties: 32 }),
    ),
    routes: Type.Optional(Type.Array(WantedRoute, { maxItems: 512 })),
    prefixes: Type.Optional(Type.Array(ServiceName, { maxItems: 16 })),
    openapi: Type.Optional(
      OwnPath(
        'Path of the OpenAPI document of the instance, which then lists its routes; instead of `routes`',
        '/openapi.json',
      ),
    ),
    auth_by: Type.Optional(AuthEnforcer),
    verify: Type.Optional(
      Type.Union([Type.Literal('proof'), Type.Literal('http')], {
        default: 'proof',
        description:
          'How the registry verifies the address: by a proof, or, where that is not required, by a health check',
      }),
    ),
    health_path: Type.Optional(OwnPath('With `verify: "http"`: answered with a status of 2xx', '/health')),
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
  proof_key: Type.String({
    description:
      'Answer `GET /.well-known/registry/{instance_id}?challenge=…` with the HMAC-SHA256 of the challenge under this key, in hexadecimal digits',
  }),
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
  tls: Type.Optional(
    Type.Boolean({
      description: 'Both ports serve TLS, with a certificate for `{name}.rookery.internal`',
    }),
  ),
  weight: Type.Integer(),
  zone: Type.Optional(Type.String()),
  metadata: Type.Record(Type.String(), Type.String()),
  routes: Type.Array(RouteClaim),
  prefixes: Type.Array(ServiceName),
  auth_by: Type.Optional(AuthEnforcer),
  verified_by: Type.Optional(
    Type.Union([Type.Literal('proof'), Type.Literal('http')], {
      description: 'How the registry has verified the address',
    }),
  ),
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

/** An instance that holds a lease but is not routed: its address is not verified, or its routes belong to another service. */
export const UnverifiedInstance = Type.Object({
  instance_id: Type.String(),
  name: ServiceName,
  host: Type.String(),
  port: Type.Integer(),
  grpc_port: Type.Optional(Type.Integer()),
  reason: Type.String({ description: 'Why it is not routed, and what to change' }),
});
export type UnverifiedInstance = Static<typeof UnverifiedInstance>;

/**
 * The whole table at one revision. A service without instances remains as an empty list for an hour: a tombstone that distinguishes
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
