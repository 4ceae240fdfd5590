import { MethodNotAllowed, type Problem, RouteNotFound } from '#kit/errors/problem';
import type { Decide, Decision } from '../model/decision';
import {
  PathRefused,
  RETRY_AFTER,
  ServiceUnavailable,
  serviceUnavailable,
  UpstreamTimeout,
} from '../model/problems';
import type { CircuitBreaker, Ending } from '../model/resilience';
import type { TranscodedRoute } from '../transcoding/rules';
import type { Transcode } from '../transcoding/transcode';
import { createAllowedMethods, type OwnRoute } from './allowed-methods';
import type { Directory } from './directory';
import { readTarget } from './path';
import type { Match } from './route-table';
import { createRouter } from './router';
import { withPlace } from './with-permit';

/**
 * Decides what becomes of a request, from its head and what is known at this moment: no I/O, no waiting.
 *
 * A route that the contracts know goes by gRPC where an instance answers that, and over HTTP where none does.
 *
 * @param ownRoutes what the gateway answers itself: no service can take these paths, with whatever method
 */
export function createDecide(
  directory: Directory,
  ownRoutes: readonly OwnRoute[],
  transcode: Transcode,
): Decide {
  const own = createRouter<OwnRoute>();
  for (const route of ownRoutes) own.add('ALL', route.path, route);
  const answersOptions = (path: string) =>
    ownRoutes.some((route) => route.method === 'OPTIONS' && route.path === path);
  const allowed = createAllowedMethods(directory, ownRoutes);

  return ({ method, target }) => {
    // Asks about the server as a whole (RFC 9110, 9.3.7).
    if (target === '*') return OWN;
    const read = readTarget(target);
    if (read === null) return PATH_REFUSED;
    const { path, query } = read;
    const ownRoute = own.find(method, path, 0);
    if (ownRoute !== undefined)
      return method !== 'OPTIONS' || answersOptions(ownRoute.path) ? OWN : options(allowed(path));
    const routes = directory.routes();
    const match = routes.find(method, path);
    if (match === undefined) {
      const methods = routes.methods(path);
      if (methods.length === 0) return directory.isSettled() ? NOT_FOUND : NOT_READY;
      return method === 'OPTIONS' ? options(allowed(path)) : notAllowed(methods);
    }
    const service = directory.service(match.service);
    if (!service?.balancer.isAvailable()) return UNAVAILABLE;
    const passedOn = match.cut === 0 ? path + query : belowPrefix(path.slice(match.cut)) + query;
    if (match.transcoded !== undefined && service.answersGrpc)
      return transcoding(match, match.transcoded, passedOn, service.breaker, transcode);
    return {
      kind: 'forward',
      service: match.service,
      route: match.pattern,
      target: passedOn,
      limits: match.limits,
      rateLimit: match.rateLimit,
      breaker: service.breaker,
      retryBudget: service.retryBudget,
      pick: service.balancer.pick,
    };
  };
}

function transcoding(
  { service, pattern, limits, rateLimit, auth }: Match,
  route: TranscodedRoute,
  target: string,
  breaker: CircuitBreaker,
  transcode: Transcode,
): Decision {
  const transcoded = { route, auth, target, timeoutMs: limits.requestTimeoutMs };
  return {
    kind: 'transcode',
    service,
    route: pattern,
    limits,
    rateLimit,
    target,
    streams: route.upload !== null,
    answer: (request, clientAddress) =>
      withPlace(
        breaker,
        () => transcode(transcoded, request, clientAddress),
        (failure) => (request.signal.aborted ? 'unknown' : endingOf(failure)),
        () => serviceUnavailable(breaker.retryAfterSeconds()),
      ),
  };
}

const endingOf = (failure: unknown): Ending =>
  failure instanceof ServiceUnavailable || failure instanceof UpstreamTimeout ? 'failed' : 'answered';

const belowPrefix = (rest: string) => (rest === '' ? '/' : rest);

const notAllowed = (methods: readonly string[]): Decision =>
  refuse(new MethodNotAllowed({ headers: { allow: methods.join(', ') } }));

/** RFC 9110, 9.3.7; a service that has registered OPTIONS is asked itself. */
const options = (methods: readonly string[]): Decision => ({
  kind: 'options',
  lines: `Allow: ${methods.join(', ')}\r\n`,
});

const refuse = (problem: Problem): Decision => ({ kind: 'refuse', problem });

const OWN: Decision = { kind: 'own' };
const NOT_FOUND = refuse(new RouteNotFound());
const UNAVAILABLE = refuse(new ServiceUnavailable({ headers: RETRY_AFTER }));
const NOT_READY = refuse(
  new ServiceUnavailable({
    detail: 'The registry has just begun and may not know every service yet.',
    headers: RETRY_AFTER,
  }),
);
const PATH_REFUSED = refuse(
  new PathRefused({
    detail: 'Leave out dot segments, empty segments, backslashes, and encoded or doubly encoded separators.',
  }),
);
