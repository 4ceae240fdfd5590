import type { Problem } from '#kit/errors/problem';
import type { RateLimits } from '../admission/rate-limits';
import type { ResponseCache } from '../admission/response-cache';
import type { Verdict } from '../admission/strict-limits';
import { answerBodyless } from '../downstream/bodyless-response';
import { answerCached } from '../downstream/cache-hit-response';
import type { ClientSide, RequestHandler } from '../downstream/client-stream';
import { answerOwn, answerTranscoded } from '../downstream/local-response';
import { answerProblem } from '../downstream/problem-response';
import type { IncomingRequest } from '../http1/message';
import type { Decision, Forward } from '../model/decision';
import { NothingCached } from '../model/problems';
import type { RequestContext } from '../model/request-context';
import type { Plane } from './data-plane';
import { forward } from './forward';
import { hold } from './pending-admission';
import { createContext } from './request-context';

type Transcode = Extract<Decision, { kind: 'transcode' }>;

/** From a request's head to whoever answers it. */
export function handleRequest(client: ClientSide, request: IncomingRequest, plane: Plane): RequestHandler {
  const context = createContext(request, client.arrival, plane.trusted, plane.revision(), plane.spans);
  const decided = plane.decide(request.head);
  context.responseLines = plane.revisionLine();
  const decision = plane.crossOrigin === null ? decided : plane.crossOrigin.apply(context, decided);
  plane.accessLog.begin();
  if (plane.rateLimits !== null) return answerWithin(plane.rateLimits, client, context, decision, plane);
  return answer(client, context, decision, plane);
}

/** Kubernetes and the like ask these from addresses that clients may share with them. */
const NEVER_LIMITED = new Set(['/health', '/healthz', '/readyz']);

function answerWithin(
  limits: RateLimits,
  client: ClientSide,
  context: RequestContext,
  decision: Decision,
  plane: Plane,
): RequestHandler {
  if (decision.kind === 'own' && NEVER_LIMITED.has(context.request.head.target))
    return answer(client, context, decision, plane);
  const problem = limits.admit(context);
  if (problem !== null) return refuse(client, context, problem, plane);
  const name = 'rateLimit' in decision ? decision.rateLimit : undefined;
  const verdict = name === undefined ? null : limits.ask(name, context.origin.address);
  if (verdict === null) return answer(client, context, decision, plane);
  const proceed = ({ lines, problem }: Verdict) => {
    context.responseLines += lines;
    if (problem !== null) return refuse(client, context, problem, plane);
    return answer(client, context, decision, plane);
  };
  if (!(verdict instanceof Promise)) return proceed(verdict);
  const decided = verdict.then((known) => () => proceed(known));
  return hold(client, context, decided, plane);
}

function answer(
  client: ClientSide,
  context: RequestContext,
  decision: Decision,
  plane: Plane,
): RequestHandler {
  switch (decision.kind) {
    case 'forward':
      if (plane.responseCache === null) return forward(client, context, decision, plane);
      return answerOrForward(plane.responseCache, client, context, decision, plane);
    case 'transcode':
      if (plane.responseCache === null) return answerTranscoded(client, context, decision, plane);
      return answerTranscoded(client, context, heardBy(plane.responseCache, context, decision), plane);
    case 'own':
      return answerOwn(client, context, plane);
    case 'options':
      answerBodyless(client, context, { status: 204, lines: decision.lines, route: 'options' }, plane);
      return ANSWERED;
    case 'refuse':
      return refuse(client, context, decision.problem, plane);
  }
}

function answerOrForward(
  cache: ResponseCache,
  client: ClientSide,
  context: RequestContext,
  decision: Forward,
  plane: Plane,
): RequestHandler {
  const found = cache.lookup(context, decision);
  if (found.kind === 'nothing-kept') return refuse(client, context, new NothingCached(), plane);
  if (found.kind === 'forward') {
    context.recorder = found.recorder;
    return forward(client, context, decision, plane);
  }
  answerCached(client, context, decision, found, plane);
  return ANSWERED;
}

/** Answers over gRPC are not kept, but they may make untrue what is. */
const heardBy = (cache: ResponseCache, context: RequestContext, decision: Transcode): Transcode => ({
  ...decision,
  async answer(request, clientAddress) {
    const response = await decision.answer(request, clientAddress);
    cache.answered(context.request.head.method, decision.target, response.status);
    return response;
  },
});

function refuse(client: ClientSide, context: RequestContext, problem: Problem, plane: Plane): RequestHandler {
  const { status, code } = problem;
  plane.accessLog.end(context, { route: 'refused', status, code, bytesIn: 0, bytesOut: 0 });
  answerProblem(client, context, problem, plane);
  return ANSWERED;
}

const nothing = () => undefined;
const ANSWERED: RequestHandler = {
  content: nothing,
  flush: nothing,
  end: nothing,
  drained: nothing,
  gone: nothing,
  refuse: nothing,
  timeUp: nothing,
};
