import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { Instance, InstanceState, ServiceName } from '#contracts/registry';
import { defineProblem } from '#kit/errors/problem';

export const ServiceUnknown = defineProblem(
  'registry.service-unknown',
  404,
  'No service of this name has ever registered here',
);
export const InstanceUnknown = defineProblem(
  'registry.instance-unknown',
  404,
  'This instance holds no lease: register again',
);
export const LeaseSecretWrong = defineProblem(
  'registry.lease-secret-wrong',
  403,
  'This is not the lease secret of that instance',
);
export const CredentialsMissing = defineProblem(
  'registry.credentials-missing',
  401,
  'Send `Authorization: Bearer` with the token or lease secret this needs',
);
export const ClaimTaken = defineProblem(
  'registry.claim-taken',
  409,
  'Another service already answers this route or prefix',
);
export const HostRefused = defineProblem(
  'registry.host-refused',
  422,
  'Services on this host may not register here',
);
export const RegistryFull = defineProblem(
  'registry.full',
  503,
  'This registry has reached one of its limits',
);
export const TooManyWatchers = defineProblem(
  'registry.too-many-watchers',
  503,
  'This registry serves as many watchers as it can',
);

export const WatcherUnknown = defineProblem(
  'registry.watcher-unknown',
  404,
  'No open stream has this token: watch again, and use the token that stream begins with',
);

export const InstanceParams = Type.Object({
  instance_id: Type.String({ minLength: 1, maxLength: 100, examples: ['users-0198c1de'] }),
});

export const ServiceParams = Type.Object({ name: ServiceName });

export const DrainedParams = Type.Object({
  name: ServiceName,
  instance_id: Type.String({ minLength: 1, maxLength: 100, examples: ['users-0198c1de'] }),
});

export const WatchQuery = Type.Object({
  acknowledges: Type.Optional(
    t.Boolean({
      default: false,
      description: 'This watcher says of every draining instance when it has let go of it, and is waited for',
    }),
  ),
});
export type WatchQuery = Static<typeof WatchQuery>;

const Duration = (description: string, example: string) =>
  Type.Optional(Type.String({ pattern: '^[0-9]{1,6}(ms|s|m)?$', description, examples: [example] }));

/** What `Duration` lets through, in milliseconds; nothing is 0. */
export function millisecondsOf(duration: string | undefined): number {
  const [, amount = '0', unit = 's'] = duration?.match(/^(\d+)(ms|s|m)?$/) ?? [];
  return Number(amount) * (unit === 'ms' ? 1 : unit === 's' ? 1_000 : 60_000);
}

export const DeregisterQuery = Type.Object({
  wait: Type.Optional(
    Type.Literal('drained', {
      description: 'Answer when every gateway has taken the instance out and its requests have ended',
    }),
  ),
  timeout: Duration('Remove the instance after this long all the same, at most 60s; 10s unless said', '10s'),
});
export type DeregisterQuery = Static<typeof DeregisterQuery>;

export const ServicesQuery = Type.Object({
  index: Type.Optional(
    t.Integer({ minimum: 0, description: 'Answer once the revision has passed this one', examples: [42] }),
  ),
  wait: Duration('Answer after this long all the same, at most 60s', '30s'),
  epoch: Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'The epoch `index` belongs to; answers at once when it is another',
    }),
  ),
});
export type ServicesQuery = Static<typeof ServicesQuery>;

export const ServiceQuery = Type.Object({ state: Type.Optional(InstanceState) });

export const ServiceListing = Type.Object({
  name: ServiceName,
  revision: Type.Integer(),
  instances: Type.Array(Instance),
});

export const Beaten = Type.Object({ revision: Type.Integer(), state: InstanceState });

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
  watchers: Type.Integer(),
  acknowledging_watchers: Type.Integer({ description: 'Those of the watchers that drains wait for' }),
  sharing: Type.Optional(
    Type.Object(
      {
        working: Type.Boolean({ description: 'False while Redis is away: this replica goes on alone' }),
        replicas: Type.Integer({ description: 'That were heard of lately, this one included' }),
        complete: Type.Boolean({ description: 'Whether whoever is not in the table is not there' }),
      },
      { description: 'Where replicas share the table' },
    ),
  ),
});

/** Prometheus' HTTP service discovery: https://prometheus.io/docs/prometheus/latest/http_sd/ */
export const PrometheusTargets = Type.Array(
  Type.Object({ targets: Type.Array(Type.String()), labels: Type.Record(Type.String(), Type.String()) }),
);
