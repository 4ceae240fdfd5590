import { Value } from '@sinclair/typebox/value';
import type { AnyElysia } from 'elysia';
import { RouteClaim } from '#contracts/registry';
import { isScope } from '../auth/scopes';
import { leaveUnread } from './body/leave-unread';
import { ACCESS_EXTENSION, gatewayClaim, SCOPE_EXTENSION, SHARE_EXTENSION } from './gateway-options';
import { isOperationalPath } from './operations/operations';
import { RECENT_SIGN_IN_EXTENSION } from './recent-sign-in';
import { IDEMPOTENCY_KEY } from './route-docs';

/**
 * The public routes of a service as the registry lists them, from the route table of its app: the access rule
 * (`kit/http/access`) and the gateway options (`kit/http/gateway-options`) of each.
 *
 * @throws when a route has no access rule, so that nothing is public by accident; has an option with an invalid value;
 *   names a scope where no app is admitted; or receives a body of its own, which may be large and slow, without a share
 *   (`route-shares`)
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
      ...scopeOf(detail, rule, `${method} ${path}`),
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

/** The rules that let apps in, where a scope says so. */
const FOR_APPS = new Set(['user', 'optional']);

function scopeOf(detail: object, rule: string, route: string): Pick<RouteClaim, 'scope'> {
  const scope: unknown = Reflect.get(detail, SCOPE_EXTENSION);
  if (scope === undefined) return {};
  if (typeof scope !== 'string' || !isScope(scope)) throw new Error(`${route} names an unknown scope`);
  if (!FOR_APPS.has(rule) || Reflect.get(detail, RECENT_SIGN_IN_EXTENSION) !== undefined)
    throw new Error(`${route} names a scope, and admits no app`);
  return { scope };
}

/** @param parse the parsers of a route, or one */
const streamsBody = (parse: unknown): boolean =>
  [parse].flat().some((parser) => parser === leaveUnread || Object(parser).fn === leaveUnread);

/** A route documents the key where it honours it (`keyed` of `kit/http/route-docs`). */
function honoursIdempotencyKey(detail: object): boolean {
  const parameters: unknown = Reflect.get(detail, 'parameters');
  return Array.isArray(parameters) && parameters.some(({ name }) => name === IDEMPOTENCY_KEY);
}
