import { Value } from '@sinclair/typebox/value';
import type { AnyElysia } from 'elysia';
import { RouteClaim } from '#contracts/registry';
import { leaveUnread } from './body/leave-unread';
import { ACCESS_EXTENSION, gatewayClaim, SHARE_EXTENSION } from './gateway-options';
import { isOperationalPath } from './operations/operations';
import { IDEMPOTENCY_KEY } from './route-docs';

/**
 * The public routes of a service as the registry lists them, from the route table of its app: the access rule
 * (`kit/http/access`) and the gateway options (`kit/http/gateway-options`) of each.
 *
 * @throws when a route has no access rule, so that nothing is public by accident; has an option with an invalid value; or
 *   receives a body of its own, which may be large and slow, without a share (`route-shares`)
 */
export function routeClaims(app: AnyElysia): RouteClaim[] {
  const claims: RouteClaim[] = [];
  for (const { method, path, hooks } of app.routes) {
    if (isOperationalPath(path)) continue;
    const detail: object = hooks.detail ?? {};
    const rule: unknown = Reflect.get(detail, ACCESS_EXTENSION);
    if (typeof rule !== 'string') throw new Error(`${method} ${path} has no access rule`);
    if (streamsBody(hooks.parse) && Reflect.get(detail, SHARE_EXTENSION) === undefined)
      throw new Error(`${method} ${path} receives a body without a share`);
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

/** @param parse the parsers of a route, or one */
const streamsBody = (parse: unknown): boolean =>
  [parse].flat().some((parser) => parser === leaveUnread || Object(parser).fn === leaveUnread);

/** A route documents the key where it honours it (`keyed` of `kit/http/route-docs`). */
function honoursIdempotencyKey(detail: object): boolean {
  const parameters: unknown = Reflect.get(detail, 'parameters');
  return Array.isArray(parameters) && parameters.some(({ name }) => name === IDEMPOTENCY_KEY);
}
