import { defineProblem, MethodNotAllowed, type Problem, RouteNotFound } from '#kit/problem';
import type { Decide, Decision } from '../decision';
import { RETRY_AFTER, ServiceUnavailable } from '../plane/problems';
import type { Directory } from './directory';
import { readTarget } from './path';
import { createRouter } from './router';

export const PathRefused = defineProblem(
  'request.path-refused',
  400,
  'This address could be read in more than one way',
);

/**
 * Decides what becomes of a request, from its head and what is known at this moment: no I/O, no waiting.
 *
 * @param ownPaths patterns of what the gateway answers itself: no service can take them
 */
export function createDecide(directory: Directory, ownPaths: readonly string[]): Decide {
  const own = createRouter<true>();
  for (const pattern of ownPaths) own.add('ALL', pattern, true);

  return ({ method, target }) => {
    // Asks about the server as a whole (RFC 9110, 9.3.7).
    if (target === '*') return OWN;
    const read = readTarget(target);
    if (read === null) return PATH_REFUSED;
    const { path, query } = read;
    if (own.find(method, path, 0)) return OWN;
    const routes = directory.routes();
    const match = routes.find(method, path);
    if (match === undefined) return directory.isReady() ? unmatched(routes.methods(path)) : NOT_READY;
    const balancer = directory.service(match.service)?.balancer;
    if (!balancer?.isAvailable()) return UNAVAILABLE;
    return {
      kind: 'forward',
      service: match.service,
      route: match.pattern,
      target: match.cut === 0 ? path + query : belowPrefix(path.slice(match.cut)) + query,
      limits: match.limits,
      pick: balancer.pick,
    };
  };
}

const belowPrefix = (rest: string) => (rest === '' ? '/' : rest);

const unmatched = (methods: readonly string[]): Decision =>
  methods.length === 0 ? NOT_FOUND : refuse(new MethodNotAllowed({ headers: { allow: methods.join(', ') } }));

const refuse = (problem: Problem): Decision => ({ kind: 'refuse', problem });

const OWN: Decision = { kind: 'own' };
const NOT_FOUND = refuse(new RouteNotFound());
const UNAVAILABLE = refuse(new ServiceUnavailable({ headers: RETRY_AFTER }));
const NOT_READY = refuse(
  new ServiceUnavailable({
    detail: 'The gateway has not heard from the registry yet.',
    headers: RETRY_AFTER,
  }),
);
const PATH_REFUSED = refuse(
  new PathRefused({
    detail: 'Leave out dot segments, empty segments, backslashes, and encoded or doubly encoded separators.',
  }),
);
