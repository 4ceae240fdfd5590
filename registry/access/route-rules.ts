import type { RouteClaim } from '#contracts/registry';
import { isScope } from '#kit/auth/scopes';
import { PROOF_PATH } from '#kit/registry/address-proof';
import { reservedSegmentProblem } from './names';

/** Methods that the gateway forwards, and `ALL` for any of them. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'ALL'];

const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** RFC 3986 `pchar` without percent-encoding, and without `*`, which is the wildcard. */
const STATIC = /^[A-Za-z0-9._~!$&'()+,;=:@-]+$/;
const PERMISSION = /^[a-z][a-z0-9-]*(:[a-z][a-z0-9-]*)+$/;

export interface RouteProblem {
  readonly field: 'method' | 'path' | 'auth' | 'scope' | 'hedge_ms';
  readonly message: string;
}

/** What is wrong with a route, in words that tell the right form; undefined for one that can be matched and enforced. */
export function routeProblem(route: RouteClaim, enforcedBy: 'gateway' | 'service'): RouteProblem | undefined {
  const method = methodProblem(route.method);
  if (method) return { field: 'method', message: method };
  const path = pathProblem(route.path, route.prefix_only ?? false);
  if (path) return { field: 'path', message: path };
  const auth = enforcedBy === 'gateway' ? authProblem(route.auth) : undefined;
  if (auth) return { field: 'auth', message: auth };
  const scope = enforcedBy === 'gateway' ? scopeProblem(route) : undefined;
  if (scope) return { field: 'scope', message: scope };
  if (route.hedge_ms !== undefined && route.method !== 'GET')
    return { field: 'hedge_ms', message: 'Only GET requests are hedged.' };
  return undefined;
}

function methodProblem(method: string): string | undefined {
  if (METHODS.includes(method)) return undefined;
  return METHODS.includes(method.toUpperCase())
    ? 'Write methods in capitals, like `GET`.'
    : `Use one of ${METHODS.join(', ')}.`;
}

/** What is wrong with a pattern. @param isBelowPrefix whether it is served below the prefixes of its service only */
export function pathProblem(path: string, isBelowPrefix: boolean): string | undefined {
  if (!path.startsWith('/')) return 'Begin a path with `/`.';
  if (/[?#]/.test(path))
    return 'Leave out the query and the fragment: only the path of a request is matched.';
  if (/\s/.test(path)) return 'Leave out blanks.';
  if (/[{}<>]/.test(path))
    return 'Write a parameter as a whole segment `:name`, not as `{name}` or `<name>`.';
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  const invalid = segments
    .map((segment, index) => segmentProblem(segment, index === segments.length - 1))
    .find((problem) => problem !== undefined);
  return invalid ?? (isBelowPrefix ? undefined : rootProblem(path, segments[0]));
}

function segmentProblem(segment: string, isLast: boolean): string | undefined {
  if (segment === '*')
    return isLast ? undefined : 'Use `*` once, as the last segment: `/files/*`. Inside a path use `:name`.';
  if (segment.includes('*')) return 'Use `*` as a whole segment, the last one: `/files/*`.';
  if (segment === '') return 'Leave out empty segments.';
  if (segment === '.' || segment === '..')
    return 'Leave out `.` and `..`: the gateway refuses such requests.';
  if (segment.startsWith(':'))
    return PARAMETER.test(segment)
      ? undefined
      : 'Name a parameter with letters, digits and `_`: `:post_id`. It is a whole segment and never optional.';
  return STATIC.test(segment)
    ? undefined
    : "Write static segments with letters, digits and `-._~!$&'()+,;=:@`, without percent-encoding.";
}

/** Routes at the root share one namespace with the gateway and all other services. */
function rootProblem(path: string, first: string | undefined): string | undefined {
  if (first === undefined)
    return 'The gateway serves `/` itself. Set `prefix_only` to be reached at `/{name}/`.';
  if (first === '*' || first.startsWith(':'))
    return 'Begin a path at the root with a static segment, or set `prefix_only` to serve it below `/{name}`.';
  if (
    `${path}/`.startsWith(PROOF_PATH) ||
    path.startsWith('/.well-known/:') ||
    path.startsWith('/.well-known/*')
  )
    return 'This path proves addresses to the registry and is never routed.';
  return reservedSegmentProblem(first);
}

function authProblem(auth: string): string | undefined {
  if (auth === 'public' || auth === 'optional' || auth === 'user' || PERMISSION.test(auth)) return undefined;
  return auth === 'service'
    ? 'The gateway does not enforce `service`: leave the route out, and callers use its address.'
    : 'Use `public`, `optional`, `user`, or the required permission, like `posts:moderate`.';
}

function scopeProblem({ auth, scope }: RouteClaim): string | undefined {
  if (scope === undefined) return undefined;
  if (!isScope(scope)) return 'Use a scope that people can allow apps, like `read:statuses`.';
  return auth === 'user' || auth === 'optional'
    ? undefined
    : 'Apps use routes with `user` or `optional` only.';
}
