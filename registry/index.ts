import { Elysia, t } from 'elysia';
import * as contracts from '#contracts/registry';
import {
  DrainAcknowledgement,
  Heartbeat,
  IncompleteDrain,
  Registered,
  Registration,
  ServicesSnapshot,
} from '#contracts/registry';
import { parseBearer } from '#kit/auth/bearer';
import type { Runtime } from '#kit/core/runtime';
import { metricsAccess } from '#kit/http/operations/metrics-access';
import { platform } from '#kit/http/platform';
import { type DescribedResponse, describe, json } from '#kit/http/route-docs';
import type { RegistryDeps } from './deps';
import { acknowledgeDrain, deregister, watch } from './drains/deregistration';
import * as model from './model';
import {
  DeregisterQuery,
  DrainParams,
  HeartbeatResponse,
  HostMisdirected,
  InstanceParams,
  Links,
  PrometheusTargets,
  ServiceListing,
  ServiceParams,
  ServiceQuery,
  ServicesQuery,
  Status,
  WatchQuery,
} from './model';
import { heartbeat, prometheusTargets, readService, readServices, register, status } from './service';

const REGISTRY_BODY_BYTES = 64 * 1024;

/** The registry's API: registration, leases and service discovery. */
export function registry(runtime: Runtime, deps: RegistryDeps) {
  const admitMonitoring = metricsAccess(runtime);
  return new Elysia({ name: 'registry' })
    .use(
      platform(runtime, {
        description: 'Service registry: registration, leases and service discovery.',
        bodyBytes: REGISTRY_BODY_BYTES,
        tags: {
          [DISCOVERY]: 'The services and their instances.',
          [LEASES]: 'Registration and leases of instances.',
        },
        schemas: { ...contracts, ...model },
        securitySchemes: SECURITY_SCHEMES,
      }),
    )
    .onRequest(({ request }) => {
      if (!deps.isOwnHost(request.headers.get('host')))
        throw new HostMisdirected({
          detail: 'Call the registry by its address, a private name, or a name in REGISTRY_HOSTS.',
        });
    })
    .get('/', () => ({ name: deps.name, version: deps.version, links: LINKS }), {
      response: { 200: Links },
      detail: publicRoute('Get name, version and links'),
    })
    .get('/status', () => status(deps), {
      response: { 200: Status },
      detail: publicRoute('Get the status of the registry'),
    })
    .get(
      '/services',
      async ({ query, request, server }) => asJson(await readServices(deps, query, { request, server })),
      {
        query: ServicesQuery,
        detail: publicRoute('List all services, at once or on the next change (long poll)', {
          200: json('The services', ServicesSnapshot),
        }),
      },
    )
    .get('/services/:name', ({ params, query }) => readService(deps, params.name, query.state), {
      params: ServiceParams,
      query: ServiceQuery,
      response: { 200: ServiceListing },
      detail: publicRoute('Get a service and its instances'),
    })
    .get(
      '/watch',
      ({ query, request, server }) => watch(deps, query, bearerOf(request), { request, server }),
      {
        query: WatchQuery,
        detail: publicRoute('Watch all services: a snapshot, then every change, as server-sent events', {
          200: {
            description: 'The stream',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
        }),
      },
    )
    .post(
      '/register',
      ({ body, request, set }) => {
        const registered = register(deps, body, bearerOf(request));
        set.status = registered.status;
        return registered.body;
      },
      {
        body: Registration,
        response: { 200: Registered, 201: Registered },
        detail: secured('Register an instance, or renew and update it', 'registration-credential'),
      },
    )
    .post(
      '/heartbeat/:instance_id',
      ({ params, body, request }) => heartbeat(deps, params.instance_id, bearerOf(request), body ?? {}),
      {
        params: InstanceParams,
        body: HeartbeatBody,
        response: { 200: HeartbeatResponse },
        detail: secured('Renew a lease', 'lease-secret'),
      },
    )
    .delete(
      '/deregister/:instance_id',
      async ({ params, query, request, set }) => {
        const undrained = await deregister(deps, params.instance_id, bearerOf(request), query);
        set.status = undrained ? 200 : 204;
        return undrained;
      },
      {
        params: InstanceParams,
        query: DeregisterQuery,
        response: { 200: IncompleteDrain, 204: t.Undefined() },
        detail: secured(
          'Deregister an instance, at once or when it is drained (200 instead of 204 when that is not confirmed)',
          'lease-secret',
        ),
      },
    )
    .post(
      '/drained/:name/:instance_id',
      ({ params, body, request, set }) => {
        acknowledgeDrain(deps, params, bearerOf(request), body.revision);
        set.status = 204;
      },
      {
        params: DrainParams,
        body: DrainAcknowledgement,
        response: { 204: t.Undefined() },
        detail: secured('Acknowledge a draining instance as a watcher', 'watcher-token'),
      },
    )
    .get(
      '/sd/prometheus',
      ({ request, server }) => {
        admitMonitoring({ request, server });
        return prometheusTargets(deps);
      },
      {
        response: { 200: PrometheusTargets },
        detail: publicRoute('List scrape targets for Prometheus HTTP service discovery'),
      },
    );
}

const LINKS = {
  status: '/status',
  services: '/services',
  watch: '/watch',
  prometheus: '/sd/prometheus',
  docs: '/docs',
  health: '/health',
};

const HeartbeatBody = t.Optional(Heartbeat);

const DISCOVERY = 'Service discovery';
const LEASES = 'Leases';

const bearerToken = (description: string) => ({ type: 'http', scheme: 'bearer', description });

/** By access rule. */
const SECURITY_SCHEMES = {
  'registration-credential': bearerToken(
    'The registration credential of the service, where one is required, or the `lease_secret` of a renewal',
  ),
  'lease-secret': bearerToken('The `lease_secret` of the registration'),
  'watcher-token': bearerToken('The token of the watcher, from its stream'),
};

const publicRoute = (summary: string, responses: Record<string, DescribedResponse> = {}) => ({
  ...describe(summary, DISCOVERY, { responses }).detail,
  'x-access': 'public',
});
const secured = (summary: string, by: keyof typeof SECURITY_SCHEMES) => ({
  ...describe(summary, LEASES).detail,
  'x-access': by,
});

const bearerOf = (request: Request): string | undefined =>
  parseBearer(request.headers.get('authorization')) ?? undefined;

const asJson = (text: string) => new Response(text, { headers: { 'content-type': 'application/json' } });
