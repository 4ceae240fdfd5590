import type { AuthEnforcer, RouteClaim } from '#contracts/registry';
import { routeProblem } from '../access/route-rules';

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];
const MAX_ROUTES = 512;

/**
 * The routes of an OpenAPI document, served below the prefixes of the service. `x-access` of an operation is its access
 * rule, and `x-scope` what apps need; without `x-access` the operation is public, and its own security is the service's
 * business.
 *
 * @throws Error with the reason why the document cannot be routed
 */
export function routesOfDocument(document: unknown, enforcedBy: AuthEnforcer): RouteClaim[] {
  const paths = isObject(document) ? document.paths : undefined;
  if (!isObject(paths)) throw new Error('The OpenAPI document has no paths.');
  const routes = Object.entries(paths).flatMap(([path, item], index) =>
    METHODS.filter((method) => isObject(item) && isObject(item[method])).map((method) => {
      const scope = extensionOf(item, method, 'x-scope');
      const route = {
        method: method.toUpperCase(),
        path: patternOf(path),
        auth: extensionOf(item, method, 'x-access') ?? 'public',
        ...(scope !== undefined && { scope }),
      };
      const problem = routeProblem({ ...route, prefix_only: true }, enforcedBy);
      if (problem)
        throw new Error(`Path ${index + 1} of the OpenAPI document cannot be routed: ${problem.message}`);
      return { ...route, prefix_only: true };
    }),
  );
  if (routes.length > MAX_ROUTES)
    throw new Error(`The OpenAPI document has more than ${MAX_ROUTES} operations.`);
  return routes;
}

/** `{id}` as a whole segment is a parameter; the rules of routes refuse it anywhere else. */
const patternOf = (path: string) => path.replaceAll(/(?<=\/)\{([A-Za-z0-9_]+)\}(?=\/|$)/g, ':$1');

function extensionOf(item: unknown, method: string, name: `x-${string}`): string | undefined {
  const operation = isObject(item) ? item[method] : undefined;
  const value = isObject(operation) ? operation[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
