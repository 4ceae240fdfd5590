import { Value } from '@sinclair/typebox/value';
import type { AnyElysia } from 'elysia';
import { RouteClaim } from '#contracts/registry';
import { ACCESS_EXTENSION, gatewayClaim } from './gateway-options';
import { isOperationalPath } from './operations';
import { IDEMPOTENCY_KEY } from './route-docs';

/**
 * The public routes of a service as the registry lists them, from the route table of its app: the access rule
 * (`kit/http/access`) and the gateway options (`kit/http/gateway-options`) of each.
 *
 * @throws when a route has no access rule, so that nothing is public by accident, or an option with an invalid value
 */
export function routeClaims(app: AnyElysia): RouteClaim[] {
  const claims: RouteClaim[] = [];
  for (const { method, path, hooks } of app.routes) {
    if (isOperationalPath(path)) continue;
    const detail: object = hooks.detail ?? {};
    const rule: unknown = Reflect.get(detail, ACCESS_EXTENSION);
    if (typeof rule !== 'string') throw new Error(`${method} ${path} has no access rule`);
    const claim = {
      method: method === 'WS' || method === '$INTERNALWS' ? 'GET' : method,
      path,
      auth: rule,
      ...gatewayClaim(detail),
      ...(honoursIdempotencyKey(detail) && { idempotency_key: true }),
    };
    if (!Value.Check(RouteClaim, claim)) {
      const [error] = Value.Errors(RouteClaim, claim);
      throw new Error(`${method} ${path} has an invalid setting ${error?.path.slice(1)}: ${error?.message}`);
    }
    claims.push(claim);
  }
  return claims;
}

/** A route documents the key where it honours it (`keyed` of `kit/http/route-docs`). */
function honoursIdempotencyKey(detail: object): boolean {
  const parameters: unknown = Reflect.get(detail, 'parameters');
  return Array.isArray(parameters) && parameters.some(({ name }) => name === IDEMPOTENCY_KEY);
}
