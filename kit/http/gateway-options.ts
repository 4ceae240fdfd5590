import { Elysia } from 'elysia';
import type { RateLimitName, RouteClaim } from '#contracts/registry';

/** What a route asks of the gateway in front of it. The registry passes it on with the route. */
export interface GatewayOptions {
  /** Largest request body in bytes, where 1 MiB is too little. */
  readonly bodyBytes?: number;
  /** Milliseconds a response may take, where 30 s is too little. */
  readonly timeoutMs?: number;
  /** Milliseconds after which a second instance is asked as well: for reads without a body. */
  readonly hedgeMs?: number;
  /** The strict rate limit of the route, besides the general one. */
  readonly rateLimit?: RateLimitName;
  /** Reachable as `/{service}/path` only, where another service owns `/path`. */
  readonly prefixOnly?: boolean;
}

type ClaimField = 'body_bytes' | 'timeout_ms' | 'hedge_ms' | 'rate_limit' | 'prefix_only';

/** How each option is written in the OpenAPI document, and how in the registry. */
const FIELDS: Readonly<Record<keyof GatewayOptions, { extension: `x-${string}`; claim: ClaimField }>> = {
  bodyBytes: { extension: 'x-body-bytes', claim: 'body_bytes' },
  timeoutMs: { extension: 'x-timeout-ms', claim: 'timeout_ms' },
  hedgeMs: { extension: 'x-hedge-ms', claim: 'hedge_ms' },
  rateLimit: { extension: 'x-rate-limit', claim: 'rate_limit' },
  prefixOnly: { extension: 'x-prefix-only', claim: 'prefix_only' },
};

/** The access rule of a route, written by the macros of `kit/http/access`. */
export const ACCESS_EXTENSION = 'x-access';

/**
 * The route option `gateway: { hedgeMs: 250 }`. It is typed, so that a misspelt setting does not compile; one that is
 * written into `detail` by hand stops the start (`gatewayClaim`).
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
 * A route's gateway options as the registry lists them.
 *
 * @param detail the route's documentation, with the extensions that `gatewayOptions` has written
 * @throws when it holds an extension that nothing reads: a misspelt setting must not be silently ignored
 */
export function gatewayClaim(detail: object): Pick<RouteClaim, ClaimField> {
  const claims = new Map(Object.values(FIELDS).map(({ extension, claim }) => [String(extension), claim]));
  const settings = Object.entries(detail).filter(
    ([name]) => name.startsWith('x-') && name !== ACCESS_EXTENSION,
  );
  for (const [name] of settings) if (!claims.has(name)) throw new Error(`Unknown route setting ${name}`);
  return Object.fromEntries(settings.map(([name, value]) => [claims.get(name), value]));
}
