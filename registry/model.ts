import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { Instance, InstanceState, ServiceName, UnverifiedInstance } from '#contracts/registry';
import { defineProblem } from '#kit/errors/problem';

export const ServiceUnknown = defineProblem('registry.service-unknown', 404, 'Service not found');
export const InstanceUnknown = defineProblem('registry.instance-unknown', 404, 'Instance not found');
export const LeaseSecretWrong = defineProblem('registry.lease-secret-wrong', 403, 'Invalid lease secret');
export const CredentialsMissing = defineProblem('registry.credentials-missing', 401, 'Credentials required');
export const ClaimTaken = defineProblem('registry.claim-taken', 409, 'Route or prefix already claimed');
export const HostRefused = defineProblem('registry.host-refused', 422, 'Host not allowed');
export const RegistryFull = defineProblem('registry.full', 503, 'Registry limit reached');

export const HostMisdirected = defineProblem('registry.host-unknown', 421, 'Misdirected request');

export const WatcherUnknown = defineProblem('registry.watcher-unknown', 404, 'Watcher not found');

export const InstanceParams = Type.Object({
  instance_id: Type.String({ minLength: 1, maxLength: 100, examples: ['users-0198c1de'] }),
});

export const ServiceParams = Type.Object({ name: ServiceName });

export const DrainParams = Type.Object({
  name: ServiceName,
  instance_id: Type.String({ minLength: 1, maxLength: 100, examples: ['users-0198c1de'] }),
});

export const WatchQuery = Type.Object({
  acknowledges: Type.Optional(
    t.Boolean({
      default: false,
      description: 'This watcher acknowledges every draining instance, and drains wait for it',
    }),
  ),
});
export type WatchQuery = Static<typeof WatchQuery>;

const Duration = (description: string, example: string) =>
  Type.Optional(Type.String({ pattern: '^[0-9]{1,6}(ms|s|m)?$', description, examples: [example] }));

/** A `Duration` in milliseconds; 0 for undefined. */
export function parseDurationMs(duration: string | undefined): number {
  const [, amount = '0', unit = 's'] = duration?.match(/^(\d+)(ms|s|m)?$/) ?? [];
  return Number(amount) * (unit === 'ms' ? 1 : unit === 's' ? 1_000 : 60_000);
}

export const DeregisterQuery = Type.Object({
  wait: Type.Optional(
    Type.Literal('drained', {
      description:
        'Respond when every gateway has stopped routing to the instance and its requests have ended',
    }),
  ),
  timeout: Duration('Longest wait before the instance is removed, at most 60s; default 10s', '10s'),
});
export type DeregisterQuery = Static<typeof DeregisterQuery>;

export const ServicesQuery = Type.Object({
  index: Type.Optional(
    t.Integer({ minimum: 0, description: 'Respond once the revision has passed this one', examples: [42] }),
  ),
  wait: Duration('Longest wait, at most 60s', '30s'),
  epoch: Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'The epoch of `index`; responds at once when the registry has another',
    }),
  ),
});
export type ServicesQuery = Static<typeof ServicesQuery>;

export const ServiceQuery = Type.Object({ state: Type.Optional(InstanceState) });

export const ServiceListing = Type.Object({
  name: ServiceName,
  revision: Type.Integer(),
  instances: Type.Array(Instance),
  unverified: Type.Array(UnverifiedInstance, {
    description: 'Hold a lease but are not routed, with the reason',
  }),
});

export const HeartbeatResponse = Type.Object({
  revision: Type.Integer(),
  state: Type.Union([InstanceState, Type.Literal('unverified')], {
    description: '`unverified`: the lease is renewed, but the instance is not routed',
  }),
  reason: Type.Optional(Type.String({ description: 'Why it is not routed, and what to change' })),
});

export const Links = Type.Object({
  name: Type.String(),
  version: Type.String(),
  links: Type.Record(Type.String(), Type.String(), { description: 'Paths by purpose' }),
});

export const Status = Type.Object({
  name: Type.String(),
  version: Type.String(),
  epoch: Type.String(),
  uptime_seconds: Type.Number(),
  revision: Type.Integer(),
  services: Type.Integer({ description: 'With at least one instance' }),
  instances: Type.Record(InstanceState, Type.Integer()),
  protection: Type.Object({
    on: Type.Boolean(),
    services: Type.Array(ServiceName),
    instances: Type.Integer(),
  }),
  unverified: Type.Array(UnverifiedInstance, {
    description: 'The first 100 instances that hold a lease but are not routed, with the reason',
  }),
  watchers: Type.Integer(),
  acknowledging_watchers: Type.Integer({ description: 'Watchers that drains wait for' }),
  sharing: Type.Optional(
    Type.Object(
      {
        working: Type.Boolean({
          description: 'False while Redis is unavailable: this replica runs standalone',
        }),
        replicas: Type.Integer({ description: 'Connected replicas, this one included' }),
        complete: Type.Boolean({ description: 'Whether the table lists every registered instance' }),
      },
      { description: 'Replication; omitted when the registry runs standalone' },
    ),
  ),
});

/** Prometheus' HTTP service discovery: https://prometheus.io/docs/prometheus/latest/http_sd/ */
export const PrometheusTargets = Type.Array(
  Type.Object({ targets: Type.Array(Type.String()), labels: Type.Record(Type.String(), Type.String()) }),
);
