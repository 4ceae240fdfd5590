import type { AuthEnforcer, RateLimitName, RouteClaim } from '#contracts/registry';
import { isScope, type Scope } from '#kit/auth/scopes';
import { OPERATIONAL_PATHS } from '#kit/http/operations/operations';
import type { AccessRule } from '../model/access-rule';
import type { RouteLimits } from '../model/limits';
import type { FindTranscoded, TranscodedRoute } from '../transcoding/rules';
import { limitsOf } from './route-limits';
import { createRouter, type Router } from './router';
import { segmentEnd, versionEnd } from './version';

/** A route, and who enforces its access rule: the gateway unless the service says that it does. */
export interface RoutedClaim extends RouteClaim {
  readonly auth_by?: AuthEnforcer | undefined;
}

/** The routing data of a service. */
export interface RoutedService {
  readonly name: string;
  readonly routes: readonly RoutedClaim[];
  readonly prefixes: readonly string[];
}

export interface Match {
  readonly service: string;
  readonly pattern: string;
  readonly limits: RouteLimits;
  /** The access rule the service registered. */
  readonly auth: string;
  /** What an app needs, likewise; undefined where none is admitted. */
  readonly scope: Scope | undefined;
  /** The access rule that the gateway enforces. */
  readonly access: AccessRule | null;
  readonly rateLimit: RateLimitName | undefined;
  readonly honoursIdempotencyKey: boolean;
  /** Whether pages of any origin may read the responses. */
  readonly isPublicToPages: boolean;
  /** The gRPC method it is transcoded to, where the contracts name one. */
  readonly transcoded: TranscodedRoute | undefined;
  /** Length of the path's prefix (version, service) that is not forwarded. */
  readonly cut: number;
}

export interface RouteTable {
  find(method: string, path: string): Match | undefined;
  /** The methods of this path: for `Allow`. Empty for an unknown path. */
  methods(path: string): string[];
  /** The pattern under which a service serves a path as its own resource, prefixes apart. */
  patternOf(service: string, path: string): string | undefined;
  /** Whether a service has a route at a path or below it, besides one for everything. */
  hasRouteBelow(service: string, path: string): boolean;
  /** Whether a route of any service has this method. */
  knowsMethod(method: string): boolean;
  /** Whether a service's route is served at its own path, and not only below a prefix. */
  isRoot(service: string, method: string, pattern: string): boolean;
}

/** Operational pages served below a service's prefix; its metrics are internal. */
const PUBLIC_PAGES = OPERATIONAL_PATHS.filter((path) => path !== '/metrics').flatMap((path) =>
  path === '/docs' ? [path, `${path}/*`] : [path],
);

/**
 * An immutable snapshot of all routes. Root routes come first, then prefixes, then both under the version.
 *
 * @param live of two that claim the same route, the first one owns it
 * @param gone services without instances: they answer for what no live service serves
 */
export function createRouteTable(
  live: readonly RoutedService[],
  findTranscoded: FindTranscoded,
  gone: readonly RoutedService[] = [],
): RouteTable {
  const [routes, past] = [routesOf(live, findTranscoded), routesOf(gone, findTranscoded)];
  return {
    find: (method, path) => routes.find(method, path) ?? past.find(method, path),
    methods(path) {
      const methods = routes.methods(path);
      return methods.length > 0 ? methods : past.methods(path);
    },
    patternOf: (...resource) => routes.patternOf(...resource) ?? past.patternOf(...resource),
    hasRouteBelow: (...place) => routes.hasRouteBelow(...place) || past.hasRouteBelow(...place),
    knowsMethod: (method) => routes.knowsMethod(method) || past.knowsMethod(method),
    isRoot: (...route) => routes.isRoot(...route) || past.isRoot(...route),
  };
}

function routesOf(services: readonly RoutedService[], findTranscoded: FindTranscoded): RouteTable {
  const root = createRouter<Match>();
  const prefixed = new Map<string, Router<Match>>();
  const byService = new Map<string, Router<Match>>();
  const routesOf = new Map(services.map(({ name, routes }) => [name, routes]));
  const rooted = new Set<string>();
  const methods = new Set(services.flatMap(({ routes }) => routes.map(({ method }) => method)));

  for (const { name, routes } of services) {
    for (const claim of routes) {
      const { method, path } = claim;
      if (!claim.prefix_only && root.add(method, path, matchOf(name, claim, findTranscoded)))
        rooted.add(`${name} ${method} ${path}`);
    }
  }
  for (const service of services) {
    const router = routerBelowPrefix(service, findTranscoded);
    byService.set(service.name, router);
    for (const prefix of [service.name, ...service.prefixes]) {
      if (prefixed.has(prefix)) continue;
      prefixed.set(prefix, router);
      // Static at the root as well: otherwise `/users/docs` would be the profile of the user `docs`.
      for (const page of PUBLIC_PAGES)
        root.add('GET', `/${prefix}${page}`, { ...pageOf(service.name, page), cut: prefix.length + 1 });
    }
  }

  function findFrom(start: number, method: string, path: string): Match | undefined {
    const atRoot = root.find(method, path, start);
    if (atRoot) return start === 0 ? atRoot : { ...atRoot, cut: atRoot.cut + start };
    const prefixEnd = segmentEnd(path, start + 1);
    const below = prefixed.get(path.slice(start + 1, prefixEnd))?.find(method, path, prefixEnd);
    return below && { ...below, cut: prefixEnd };
  }

  function methodsFrom(start: number, path: string): string[] {
    const prefixEnd = segmentEnd(path, start + 1);
    const below = prefixed.get(path.slice(start + 1, prefixEnd))?.methods(path, prefixEnd);
    return [...root.methods(path, start), ...(below ?? [])];
  }

  return {
    find(method, path) {
      const version = versionEnd(path);
      return findFrom(0, method, path) ?? (version === 0 ? undefined : findFrom(version, method, path));
    },
    methods(path) {
      const version = versionEnd(path);
      const below = version === 0 ? [] : methodsFrom(version, path);
      return [...new Set([...methodsFrom(0, path), ...below])].sort();
    },
    patternOf: (service, path) => byService.get(service)?.find('GET', path, 0)?.pattern,
    hasRouteBelow: (service, path) =>
      routesOf.get(service)?.some((route) => route.path === path || route.path.startsWith(`${path}/`)) ??
      false,
    knowsMethod: (method) => methods.has(method),
    isRoot: (service, method, pattern) => rooted.has(`${service} ${method} ${pattern}`),
  };
}

/** Everything a service serves below its prefixes. */
function routerBelowPrefix({ name, routes }: RoutedService, findTranscoded: FindTranscoded): Router<Match> {
  const router = createRouter<Match>();
  for (const claim of routes) router.add(claim.method, claim.path, matchOf(name, claim, findTranscoded));
  for (const page of PUBLIC_PAGES) router.add('GET', page, pageOf(name, page));
  return router;
}

const matchOf = (service: string, claim: RoutedClaim, findTranscoded: FindTranscoded): Match => ({
  service,
  pattern: claim.path,
  limits: limitsOf(claim),
  auth: claim.auth,
  scope: scopeIn(claim),
  access:
    claim.auth === 'public' || claim.auth_by === 'service'
      ? null
      : { auth: claim.auth, scope: scopeIn(claim) },
  rateLimit: claim.rate_limit,
  honoursIdempotencyKey: claim.idempotency_key === true,
  isPublicToPages: claim.cors === 'public',
  transcoded: findTranscoded(service, claim),
  cut: 0,
});

/** One that this gateway does not know admits no app. */
const scopeIn = ({ scope }: RoutedClaim): Scope | undefined =>
  scope !== undefined && isScope(scope) ? scope : undefined;

const pageOf = (service: string, pattern: string): Match => ({
  service,
  pattern,
  limits: limitsOf({}),
  auth: 'public',
  scope: undefined,
  access: null,
  rateLimit: undefined,
  honoursIdempotencyKey: false,
  isPublicToPages: false,
  transcoded: undefined,
  cut: 0,
});
