import type { AnyElysia } from 'elysia';
import type { RouteClaim } from '#contracts/registry';
import { OPERATIONAL_PATHS } from './operations';

/**
 * The public routes of a service as the registry lists them, from its own route table.
 *
 * @throws when a route names no access rule: nothing is public by accident
 */
export function routeClaims(app: AnyElysia): RouteClaim[] {
  const claims: RouteClaim[] = [];
  for (const { method, path, hooks } of app.routes) {
    if (OPERATIONAL_PATHS.some((operational) => path === operational || path.startsWith(`${operational}/`)))
      continue;
    const rule: unknown = hooks.detail?.['x-access'];
    if (typeof rule !== 'string') throw new Error(`${method} ${path} does not say who may call it`);
    claims.push({ method: method === 'WS' || method === '$INTERNALWS' ? 'GET' : method, path, auth: rule });
  }
  return claims;
}
