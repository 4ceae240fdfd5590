import { MethodNotAllowed, type Problem, RouteNotFound } from '#kit/errors/problem';
import { PROOF_PATH } from '#kit/registry/address-proof';
import type { Decide, Decision, LocalHandler } from '../model/decision';
import {
  AmbiguousPath,
  NotImplemented,
  RETRY_AFTER,
  ServiceUnavailable,
  serviceUnavailable,
  UpstreamTimeout,
} from '../model/problems';
import type { CallOutcome, CircuitBreaker } from '../model/resilience';
import type { Transcode, TranscodedRequest } from '../transcoding/transcode';
import { createAllowedMethods, isKnownMethod, SERVER_METHODS } from './allowed-methods';
import type { Directory } from './directory';
import { createOwnPages, type LocalRoute, type OwnPage } from './own-pages';
import { readTarget } from './path';
import { createRecentDecisions } from './recent-decisions';
import { versionEnd } from './version';
import { withPermit } from './with-permit';

/**
 * Creates the routing decision: from the head of a request and the current view of the registry, without I/O.
 *
 * A route of the contracts is transcoded to gRPC where an instance serves that, and forwarded over HTTP where none does.
 *
 * @param localRoutes routes of the gateway itself: no service can claim their paths, with whatever method
 */
export function createDecide(
  directory: Directory,
  localRoutes: readonly LocalRoute[],
  transcode: Transcode,
): Decide {
  const findOwnPage = createOwnPages(localRoutes);
  const allowed = createAllowedMethods(directory, localRoutes);
  const recent = createRecentDecisions();

  /** No service can claim the path of an own page, with whatever method. */
  function own({ pattern, methods, cut }: OwnPage, method: string, path: string, query: string): Decision {
    if (method === 'OPTIONS') return options(methods);
    if (methods.includes(method)) {
      const target = belowPrefix(path.slice(cut)) + query;
      return { kind: 'local', page: pattern, target, prefix: path.slice(0, versionEnd(path)) };
    }
    return isKnownMethod(directory, method) ? notAllowed(methods) : NOT_IMPLEMENTED;
  }

  function decide(method: string, target: string): Decision {
    if (target === '*') return OPTIONS_OF_SERVER;
    const read = readTarget(target);
    if (read === null) return PATH_REJECTED;
    const { path, query } = read;
    const page = findOwnPage(path);
    if (page !== undefined) return own(page, method, path, query);
    const routes = directory.routes();
    const match = routes.find(method, path);
    if (match === undefined) {
      const methods = routes.methods(path);
      if (methods.length === 0) return directory.isSettled() ? NOT_FOUND : NOT_READY;
      return method === 'OPTIONS' ? options(allowed(path)) : notAllowed(methods);
    }
    const prefix = match.cut === 0 ? '' : path.slice(0, match.cut);
    const upstreamPath = match.cut === 0 ? path : belowPrefix(path.slice(match.cut));
    if (isForRegistry(upstreamPath)) return NOT_FOUND;
    const service = directory.service(match.service);
    if (!service?.balancer.isAvailable()) return UNAVAILABLE;
    const { limits, rateLimit, transcoded, isPublicToPages, honoursIdempotencyKey } = match;
    const upstreamTarget = upstreamPath + query;
    if (transcoded !== undefined && service.servesGrpc) {
      const { requestTimeoutMs: timeoutMs } = limits;
      const { auth, scope } = match;
      const request = { route: transcoded, auth, scope, target: upstreamTarget, timeoutMs };
      return {
        kind: 'transcode',
        service: match.service,
        route: match.pattern,
        limits,
        rateLimit,
        isPublicToPages,
        target: upstreamTarget,
        prefix,
        streamsBody: transcoded.upload !== null,
        respond: transcoder(request, service.breaker, transcode),
      };
    }
    return {
      kind: 'forward',
      service: match.service,
      route: match.pattern,
      target: upstreamTarget,
      prefix,
      limits,
      rateLimit,
      access: match.access,
      isPublicToPages,
      honoursIdempotencyKey,
      breaker: service.breaker,
      retryBudget: service.retryBudget,
      pick: service.balancer.pick,
    };
  }

  /** A recent decision that the present view of the registry would lead to as well. */
  function known(method: string, target: string): Decision | undefined {
    const found = recent.find(method, target);
    if (found === undefined) return undefined;
    const { routes, service, decision } = found;
    const isCurrent = routes === directory.routes() && service === directory.service(service.name);
    return isCurrent && service.balancer.isAvailable() ? decision : undefined;
  }

  /** Decides by a copy of the target, so that what is stored retains nothing of the request. */
  function decideAndStore(method: string, target: string): Decision {
    const own = Buffer.from(target, 'latin1').toString('latin1');
    const decision = decide(method, own);
    const service = decision.kind === 'forward' ? directory.service(decision.service) : undefined;
    if (decision.kind === 'forward' && service !== undefined)
      recent.store({ method, target: own, routes: directory.routes(), service, decision });
    return decision;
  }

  return ({ method, target }) =>
    known(method, target) ??
    (recent.isRepeated(method, target) ? decideAndStore(method, target) : decide(method, target));
}

const transcoder =
  (transcoded: TranscodedRequest, breaker: CircuitBreaker, transcode: Transcode): LocalHandler =>
  (request, clientAddress) =>
    withPermit(breaker, () => transcode(transcoded, request, clientAddress), {
      outcomeOf: (failure) => (request.signal.aborted ? 'unknown' : outcomeOf(failure)),
      rejection: () => serviceUnavailable(breaker.retryAfterSeconds()),
    });

const outcomeOf = (failure: unknown): CallOutcome =>
  failure instanceof ServiceUnavailable || failure instanceof UpstreamTimeout ? 'failed' : 'responded';

/**
 * The challenges to an address are the registry's alone: through a pattern like `/*` below a prefix, anybody could have an
 * instance answer one for an address that is not its own. Some frameworks compare paths without case.
 */
const isForRegistry = (path: string) =>
  path.startsWith('/.') && `${path}/`.slice(0, PROOF_PATH.length).toLowerCase() === PROOF_PATH;

const belowPrefix = (rest: string) => (rest === '' ? '/' : rest);

const notAllowed = (methods: readonly string[]): Decision =>
  reject(new MethodNotAllowed({ headers: { allow: methods.join(', ') } }));

/** RFC 9110, 9.3.7; a service that registered OPTIONS answers it itself. */
function options(methods: readonly string[]): Decision {
  return { kind: 'options', lines: `Allow: ${methods.join(', ')}\r\n` };
}

const reject = (problem: Problem): Decision => ({ kind: 'reject', problem });

/** OPTIONS for the server as a whole (RFC 9110, 9.3.7). */
const OPTIONS_OF_SERVER = options(SERVER_METHODS);
const NOT_IMPLEMENTED = reject(new NotImplemented({ detail: 'No route has this method.' }));
const NOT_FOUND = reject(new RouteNotFound());
const UNAVAILABLE = reject(new ServiceUnavailable({ headers: RETRY_AFTER }));
const NOT_READY = reject(
  new ServiceUnavailable({
    detail: 'The registry has just started, and not every service has registered yet. Retry in a moment.',
    headers: RETRY_AFTER,
  }),
);
const PATH_REJECTED = reject(
  new AmbiguousPath({
    detail: 'Remove dot segments, empty segments, backslashes, and encoded or doubly encoded separators.',
  }),
);
