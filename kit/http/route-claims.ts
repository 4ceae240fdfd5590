import { Value } from '@sinclair/typebox/value';
import type { AnyElysia } from 'elysia';
import { RateLimitName, type RouteClaim } from '#contracts/registry';
import { OPERATIONAL_PATHS } from './operations';

/**
 * The public routes of a service as the registry lists them, from its own route table. What the gateway has to know
 * besides stands in a route's `detail`: `x-body-bytes` (more than 1 MiB may be sent), `x-timeout-ms` (an answer may
 * take longer than 30 s), `x-prefix-only` (reached as `/{prefix}/path`, where another service owns `/path`),
 * `x-hedge-ms` (a read that another instance is asked for as well when the first is slow to begin),
 * `x-rate-limit` (one of the strict limits, as for signing in).
 *
 * @throws when a route names no access rule: nothing is public by accident; or a rate limit there is not
 */
export function routeClaims(app: AnyElysia): RouteClaim[] {
  const claims: RouteClaim[] = [];
  for (const { method, path, hooks } of app.routes) {
    if (OPERATIONAL_PATHS.some((operational) => path === operational || path.startsWith(`${operational}/`)))
      continue;
    const rule: unknown = hooks.detail?.['x-access'];
    if (typeof rule !== 'string') throw new Error(`${method} ${path} does not say who may call it`);
    claims.push({
      method: method === 'WS' || method === '$INTERNALWS' ? 'GET' : method,
      path,
      auth: rule,
      ...gatewaySettings(hooks.detail),
    });
  }
  return claims;
}

function gatewaySettings(detail: object): Partial<RouteClaim> {
  const settings = new Map<string, unknown>(Object.entries(detail));
  const bodyBytes = settings.get('x-body-bytes');
  const timeoutMs = settings.get('x-timeout-ms');
  const hedgeMs = settings.get('x-hedge-ms');
  const rateLimit = settings.get('x-rate-limit');
  if (rateLimit !== undefined && !Value.Check(RateLimitName, rateLimit))
    throw new Error(`There is no rate limit called ${String(rateLimit)}`);
  return {
    ...(typeof bodyBytes === 'number' && { body_bytes: bodyBytes }),
    ...(typeof timeoutMs === 'number' && { timeout_ms: timeoutMs }),
    ...(typeof hedgeMs === 'number' && { hedge_ms: hedgeMs }),
    ...(settings.get('x-prefix-only') === true && { prefix_only: true }),
    ...(rateLimit !== undefined && { rate_limit: rateLimit }),
  };
}
