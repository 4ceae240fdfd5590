import type { Problem } from '#kit/problem';
import { hold } from '../admission/hold';
import type { RateLimits } from '../admission/rate-limits';
import type { Verdict } from '../admission/strict-limits';
import type { Decision } from '../decision';
import type { IncomingRequest } from '../http1/request-head';
import { answerBodyless } from './bodyless-answer';
import type { ClientSide, RequestHandler } from './client-side';
import { forward } from './exchange';
import { answerOwn, answerTranscoded } from './own-answer';
import type { Plane } from './plane';
import { answerProblem } from './problem-answer';
import { createContext, type RequestContext } from './request-context';

/** From a request's head to whoever answers it. */
export function handleRequest(client: ClientSide, request: IncomingRequest, plane: Plane): RequestHandler {
  const context = createContext(request, client.arrival, plane.trusted, plane.revision());
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
      return forward(client, context, decision, plane);
    case 'transcode':
      return answerTranscoded(client, context, decision, plane);
    case 'own':
      return answerOwn(client, context, plane);
    case 'options':
      answerBodyless(client, context, { status: 204, lines: decision.lines, route: 'options' }, plane);
      return ANSWERED;
    case 'refuse':
      return refuse(client, context, decision.problem, plane);
  }
}

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
