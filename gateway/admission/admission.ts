import type { Problem } from '#kit/errors/problem';
import type { RequestHead } from '../http1/message';
import type { Decision, ForwardDecision } from '../model/decision';
import type { ForwardingProofs } from '../model/forwarding-proofs';
import { NotCached, ServiceUnavailable } from '../model/problems';
import type { RequestContext } from '../model/request-context';
import type { ResponsePlan, ResponseRecorder } from '../model/response-plan';
import type { StreamPlaces } from '../model/stream-places';
import type { CachedResponse } from './cached-responses';
import { type CrossOrigin, isPreflight } from './cross-origin';
import type { RateLimits } from './rate-limits';
import type { RateVerdict } from './rate-verdict';
import type { ResponseCache } from './response-cache';
import type { RouteAccess } from './route-access';

/** The request proceeds to what routing decided. */
export interface Admit extends ResponsePlan {
  readonly kind: 'admit';
}

export interface Reject extends ResponsePlan {
  readonly kind: 'reject';
  readonly problem: Problem;
}

/** Answered with a stored response. */
export interface CacheHit extends ResponsePlan {
  readonly kind: 'cache-hit';
  readonly response: CachedResponse;
  readonly ageSeconds: number;
  readonly notModified: boolean;
}

/** A CORS preflight, answered with these header lines. */
export interface Preflight extends ResponsePlan {
  readonly kind: 'preflight';
  readonly lines: string;
}

/** A strict limit awaits Redis, a token its verification, or the first request to a service its proof. The plan is for a response before its decision. */
export interface Pending extends ResponsePlan {
  readonly kind: 'pending';
  readonly decided: Promise<AdmissionDecision>;
}

export type AdmissionDecision = Admit | Reject | CacheHit | Preflight;

/** Admission control: CORS, rate limits, access rules and the response cache, as decisions about a request. */
export interface Admission {
  admit(context: RequestContext, decision: Decision): AdmissionDecision | Pending;
  /** Invalidates what a transcoded request has changed; null without a cache. Forwarded ones are recorded by the plan. */
  readonly invalidate: ResponseCache['invalidate'] | null;
}

export interface AdmissionModules {
  /** Null without CORS. */
  readonly crossOrigin: CrossOrigin | null;
  /** Null where requests are not limited. */
  readonly rateLimits: RateLimits | null;
  /** Null where responses are not cached. */
  readonly responseCache: ResponseCache | null;
  /** Null where tokens cannot be verified: routes whose rule the gateway enforces are then unavailable. */
  readonly routeAccess: RouteAccess | null;
  /** Null where services are not told who forwards to them. */
  readonly forwardingProofs: ForwardingProofs | null;
  readonly streamPlaces: StreamPlaces;
  /** The line of `Strict-Transport-Security`, for responses over TLS; empty for none. */
  readonly strictTransport: string;
}

/** Probed by Kubernetes and the like from addresses that clients may share with them. */
const EXEMPT_FROM_LIMITS = new Set(['/health', '/healthz', '/readyz']);

export function createAdmission(modules: AdmissionModules): Admission {
  const {
    crossOrigin,
    rateLimits,
    responseCache,
    routeAccess,
    forwardingProofs,
    streamPlaces,
    strictTransport,
  } = modules;
  const revisionLine = createRevisionLine();

  function admit(context: RequestContext, decision: Decision): AdmissionDecision | Pending {
    const { head } = context.request;
    let headerLines = revisionLine(context.revision);
    // Over plain HTTP anybody on the way could have written it (RFC 6797, section 7.2).
    if (context.origin.protocol === 'https') headerLines += strictTransport;
    if (crossOrigin !== null) {
      // Before the limits: a browser sends it on its own, and asks for nothing.
      const preflight = crossOrigin.preflight(head);
      if (preflight !== null) return { kind: 'preflight', headerLines, recorder: null, lines: preflight };
      headerLines += crossOrigin.headerLines(head.headers, isPublicToPages(decision));
    }
    if (rateLimits === null || isExempt(decision, head)) return authorize(context, decision, headerLines);
    const verdict = rateLimits.admit(context);
    headerLines += verdict.headerLines;
    if (verdict.problem !== null) return reject(headerLines, verdict.problem);
    const limit = 'rateLimit' in decision ? decision.rateLimit : undefined;
    const strict = limit === undefined ? null : rateLimits.check(limit, context.origin.address);
    if (strict === null) return authorize(context, decision, headerLines);
    const apply = ({ headerLines: strictLines, problem }: RateVerdict) =>
      problem === null
        ? authorize(context, decision, headerLines + strictLines)
        : reject(headerLines + strictLines, problem);
    if (!(strict instanceof Promise)) return apply(strict);
    return pending(headerLines, strict.then(apply).then(settled));
  }

  /** The request is within its limits. */
  function authorize(
    context: RequestContext,
    decision: Decision,
    headerLines: string,
  ): AdmissionDecision | Pending {
    const rule = decision.kind === 'forward' ? decision.access : null;
    if (rule === null) return proceed(context, decision, headerLines);
    if (routeAccess === null) return reject(headerLines, new ServiceUnavailable());
    const checked = routeAccess.check(rule, context.request.head.headers);
    return pending(
      headerLines,
      checked
        .then((problem) =>
          problem === null ? proceed(context, decision, headerLines) : reject(headerLines, problem),
        )
        .then(settled),
    );
  }

  /** The request is within its limits and has access. */
  function proceed(
    context: RequestContext,
    decision: Decision,
    headerLines: string,
  ): AdmissionDecision | Pending {
    if (decision.kind !== 'forward') return allow(headerLines, null);
    const { service } = decision;
    const identifying = streamPlaces.identify(context);
    const isReady = forwardingProofs?.isReady(service, context.startedMs) ?? true;
    if (identifying === null && isReady) return lookUp(context, decision, headerLines);
    const prepared = Promise.all([identifying, isReady ? null : forwardingProofs?.prepare(service)]);
    return pending(
      headerLines,
      prepared.then(() => lookUp(context, decision, headerLines)),
    );
  }

  function lookUp(
    context: RequestContext,
    decision: ForwardDecision,
    headerLines: string,
  ): AdmissionDecision {
    if (responseCache === null) return allow(headerLines, null);
    const found = responseCache.lookup(context, decision);
    switch (found.kind) {
      case 'hit': {
        const { response, ageSeconds, notModified } = found;
        return { kind: 'cache-hit', headerLines, recorder: null, response, ageSeconds, notModified };
      }
      case 'only-if-cached':
        return reject(headerLines, new NotCached());
      case 'miss':
        return allow(headerLines, found.recorder);
    }
  }

  return { admit, invalidate: responseCache?.invalidate ?? null };
}

const settled = (decision: AdmissionDecision | Pending): AdmissionDecision | Promise<AdmissionDecision> =>
  decision.kind === 'pending' ? decision.decided : decision;

const pending = (headerLines: string, decided: Promise<AdmissionDecision>): Pending => ({
  kind: 'pending',
  headerLines,
  recorder: null,
  decided,
});

const allow = (headerLines: string, recorder: ResponseRecorder | null): Admit => ({
  kind: 'admit',
  headerLines,
  recorder,
});

const reject = (headerLines: string, problem: Problem): Reject => ({
  kind: 'reject',
  headerLines,
  recorder: null,
  problem,
});

const isPublicToPages = (decision: Decision): boolean =>
  'isPublicToPages' in decision && decision.isPublicToPages === true;

/** Probes, and preflights of origins that nothing is allowed to: they are answered as any OPTIONS is. */
const isExempt = (decision: Decision, head: RequestHead): boolean =>
  (decision.kind === 'local' && EXEMPT_FROM_LIMITS.has(decision.page)) ||
  (decision.kind === 'options' && isPreflight(head));

/** Formatted once per revision, not per request. */
function createRevisionLine(): (revision: number) => string {
  let formatted = -1;
  let line = '';
  return (revision) => {
    if (revision !== formatted) {
      formatted = revision;
      line = `X-Registry-Revision: ${revision}\r\n`;
    }
    return line;
  };
}
