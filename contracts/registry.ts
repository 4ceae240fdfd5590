import { type Static, Type } from '@sinclair/typebox';

/** Who may call a route: the access rule a service declares for it, as the gateway and the docs show it. */
export const RouteAccess = Type.String({
  maxLength: 80,
  description: '`public`, `optional`, `user`, `service`, or the permission needed, like `posts:moderate`',
});

/** The strict limits of the gateway that a route can ask for; how many requests each allows is the gateway's to say. */
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
      description: 'Largest request body; 1 MiB where it is not said',
    }),
  ),
  timeout_ms: Type.Optional(
    Type.Integer({
      minimum: 100,
      maximum: 600_000,
      description: 'Longest wait for an answer; 30 s where it is not said',
    }),
  ),
  hedge_ms: Type.Optional(
    Type.Integer({
      minimum: 10,
      maximum: 10_000,
      description:
        'GET only: a second instance is asked when the first has not begun to answer after so long',
    }),
  ),
  prefix_only: Type.Optional(
    Type.Boolean({
      description: 'Answered below the prefixes of its service only: claims nothing at the root',
    }),
  ),
  rate_limit: Type.Optional(RateLimitName),
});
export type RouteClaim = Static<typeof RouteClaim>;

/** RFC 1123 label: the name doubles as route prefix, database and Procfile name. */
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

/** Seconds: how often to beat, when silence makes an instance unhealthy, when it removes it. */
export const Lease = Type.Object({
  heartbeat_seconds: Type.Integer(),
  unhealthy_seconds: Type.Integer(),
  removed_seconds: Type.Integer(),
});
export type Lease = Static<typeof Lease>;

export const Registered = Type.Object({
  instance_id: Type.String(),
  lease_secret: Type.String({ description: 'Proves heartbeats and deregistration; appears in no listing' }),
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

/** One running process of a service, as every listing and watcher sees it. */
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
    description: 'Silent, but kept because most of its service fell silent at once',
  }),
  load: Type.Optional(Type.Number()),
  registered_at: Type.String({ description: 'ISO 8601, UTC' }),
  changed_at_revision: Type.Integer(),
});
export type Instance = Static<typeof Instance>;

/**
 * The whole table at one revision. A service whose instances are all gone stays as an empty list: the
 * tombstone that tells "all gone" from "this registry is new and has heard from nobody yet".
 * `epoch` is new at every start of a registry, so a watcher knows when revisions begin anew.
 */
export const ServicesSnapshot = Type.Object({
  epoch: Type.String(),
  started_at: Type.String({
    description: 'When this registry began, ISO 8601: right after it, not everybody has registered again yet',
  }),
  complete: Type.Optional(
    Type.Boolean({
      description:
        'Replicas share this table: whoever is not in it is not there, however new this registry is',
    }),
  ),
  revision: Type.Integer(),
  services: Type.Record(ServiceName, Type.Array(Instance)),
});
export type ServicesSnapshot = Static<typeof ServicesSnapshot>;

/** What `GET /watch?acknowledges=true` sends first, as `event: watcher`. */
export const WatcherAnnouncement = Type.Object({
  token: Type.String({ description: 'Proves what this watcher acknowledges, as long as its stream is open' }),
});

/** What an acknowledging watcher posts to `/drained/{name}/{instance_id}`. */
export const DrainAcknowledgement = Type.Object(
  { revision: Type.Integer({ minimum: 0, description: 'The `changed_at_revision` that was acted upon' }) },
  { additionalProperties: false },
);
export type DrainAcknowledgement = Static<typeof DrainAcknowledgement>;

/** The answer to `DELETE /deregister/{instance_id}?wait=drained` where it is not known that all requests have ended. */
export const Undrained = Type.Object({
  drained: Type.Literal(false),
  acknowledged_by: Type.Integer({ description: 'Gateways that have let go of the instance' }),
  waiting_for: Type.Integer({
    description: 'Gateways that have not; 0 together with 0 above: no gateway that acknowledges is connected',
  }),
});
export type Undrained = Static<typeof Undrained>;

/** What `GET /watch` sends as `event: change`; the SSE id is `<epoch>:<revision>`. */
export const ServiceChange = Type.Object({
  revision: Type.Integer(),
  name: ServiceName,
  instances: Type.Array(Instance, {
    description: 'All of the service after the change; empty when all are gone',
  }),
});
export type ServiceChange = Static<typeof ServiceChange>;
