import { Elysia } from 'elysia';
import type { RateLimitName, RouteClaim } from '#contracts/registry';
import { RECENT_SIGN_IN_EXTENSION } from './recent-sign-in';

/** Settings of a route for the gateway, which receives them through the registry. */
export interface GatewayOptions {
  /** Maximum request body in bytes; 1 MiB by default. */
  readonly bodyBytes?: number;
  /** Timeout of a request; 30,000 by default. */
  readonly timeoutMs?: number;
  /** Delay after which the request is also sent to a second instance (hedging); for reads without a body. */
  readonly hedgeMs?: number;
  /** The strict rate limit of the route, in addition to the general one. */
  readonly rateLimit?: RateLimitName;
  /** `public`: pages of any origin may read the responses, without credentials. By default those of `CORS_ORIGINS`. */
  readonly cors?: 'public';
  /** Reachable as `/{service}/path` only, where another service owns `/path`. */
  readonly prefixOnly?: boolean;
}

type ClaimField = 'body_bytes' | 'timeout_ms' | 'hedge_ms' | 'rate_limit' | 'cors' | 'prefix_only';

/** The name of each option in the OpenAPI document and in the registry. */
const FIELDS: Readonly<Record<keyof GatewayOptions, { extension: `x-${string}`; claim: ClaimField }>> = {
  bodyBytes: { extension: 'x-body-bytes', claim: 'body_bytes' },
  timeoutMs: { extension: 'x-timeout-ms', claim: 'timeout_ms' },
  hedgeMs: { extension: 'x-hedge-ms', claim: 'hedge_ms' },
  rateLimit: { extension: 'x-rate-limit', claim: 'rate_limit' },
  cors: { extension: 'x-cors', claim: 'cors' },
  prefixOnly: { extension: 'x-prefix-only', claim: 'prefix_only' },
};

/** The access rule of a route, written by the macros of `kit/http/access`. */
export const ACCESS_EXTENSION = 'x-access';
/** The scope that an app needs, likewise. */
export const SCOPE_EXTENSION = 'x-scope';
/** Of the share that a route counts against (`route-shares`). */
export const SHARE_EXTENSION = 'x-share';

/** Enforced by the services themselves. */
const OF_THE_SERVICE = new Set<string>([
  ACCESS_EXTENSION,
  RECENT_SIGN_IN_EXTENSION,
  SCOPE_EXTENSION,
  SHARE_EXTENSION,
]);

/**
 * The route option `gateway: { hedgeMs: 250 }`. It is typed, so that a misspelt setting does not compile; one written into
 * `detail` by hand prevents the start (`gatewayClaim`).
 */
export const gatewayOptions = new Elysia({ name: 'gateway-options' }).macro(
  'gateway',
  (options: GatewayOptions) => ({
    detail: Object.fromEntries(
      Object.entries(options).map(([name, value]) => [FIELDS[name as keyof GatewayOptions].extension, value]),
    ),
  }),
);

/**
 * The gateway options of a route, as listed in the registry.
 *
 * @param detail the documentation of the route, with the extensions written by `gatewayOptions`
 * @throws when it has an unknown extension: a misspelt setting must not be ignored silently
 */
export function gatewayClaim(detail: object): Pick<RouteClaim, ClaimField> {
  const claims = new Map(Object.values(FIELDS).map(({ extension, claim }) => [String(extension), claim]));
  const settings = Object.entries(detail).filter(
    ([name]) => name.startsWith('x-') && !OF_THE_SERVICE.has(name),
  );
  for (const [name] of settings) if (!claims.has(name)) throw new Error(`Unknown route setting ${name}`);
  return Object.fromEntries(settings.map(([name, value]) => [claims.get(name), value]));
}
