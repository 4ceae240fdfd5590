import type { Problem } from '#kit/problem';
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
  const decision = plane.decide(request.head);
  context.responseLines = plane.revisionLine();
  plane.accessLog.begin();
  switch (decision.kind) {
    case 'forward':
      return forward(client, context, decision, plane);
    case 'transcode':
      return answerTranscoded(client, context, decision, plane);
    case 'own':
      return answerOwn(client, context, plane);
    case 'options':
      answerBodyless(
        client,
        context,
        { status: 204, lines: `Allow: ${decision.allow}\r\n`, route: 'options' },
        plane,
      );
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
