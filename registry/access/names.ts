/** Paths of the gateway itself, and names that would be taken for its own. */
const RESERVED = new Set([
  'docs',
  'explain',
  'gateway',
  'health',
  'healthz',
  'metrics',
  'openapi',
  'readyz',
  'registry',
  'routes',
  'status',
]);

/** Names under which people expect Rookery itself: only the holder of a credential registers them. */
const ROOKERY_NAMES = new Set([
  'account',
  'admin',
  'api',
  'app',
  'assets',
  'auth',
  'console',
  'login',
  'oauth',
  'operator',
  'operators',
  'register',
  'rookery',
  'static',
  'web',
]);

const VERSION = /^v[0-9]+$/;

/** Whether no service may have this name or prefix. */
export const isReservedName = (name: string): boolean => RESERVED.has(name) || VERSION.test(name);

/** Whether a name is reserved to Rookery's own credentials. */
export const isRookeryName = (name: string): boolean => ROOKERY_NAMES.has(name);

/** Why no route may begin with this segment; undefined when it may. `v2` and later are versions of services. */
export function reservedSegmentProblem(segment: string): string | undefined {
  if (segment === 'v1') return 'Leave `/v1` out: every route is also served below it.';
  return RESERVED.has(segment) || segment === 'openapi.json'
    ? 'The gateway serves this path itself. Begin the path with another segment.'
    : undefined;
}
