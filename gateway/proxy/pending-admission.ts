import type { ClientSide, RequestHandler } from '../downstream/client-stream';
import { answerProblem } from '../downstream/problem-response';
import { CLIENT_CLOSED_REQUEST } from '../model/outcome';
import type { RequestContext } from '../model/request-context';
import type { Plane } from './data-plane';

/**
 * Holds a request until it is known how it goes on: keeps what has come of its body, reads no more, and then hands over
 * to the handler that answers it, as if everything had come only now. What is kept is what was in the socket already.
 *
 * @param decided begins the answer
 */
export function hold(
  client: ClientSide,
  context: RequestContext,
  decided: Promise<() => RequestHandler>,
  plane: Plane,
): RequestHandler {
  const spans: Buffer[] = [];
  let isWhole = false;
  let next: RequestHandler | null = null;
  let over = false;

  function proceed(begin: () => RequestHandler) {
    if (over) return;
    client.resume();
    const handler = begin();
    next = handler;
    for (const span of spans) handler.content(span, 0, span.length);
    if (spans.length > 0) handler.flush();
    if (isWhole) handler.end();
    spans.length = 0;
  }

  function conclude(status: number, code?: string) {
    over = true;
    const bytesIn = spans.reduce((sum, { length }) => sum + length, 0);
    plane.accessLog.end(context, { route: 'refused', status, bytesIn, bytesOut: 0, code });
  }

  function broken(failure: unknown) {
    plane.log.error(
      { err: failure, request_id: context.requestId },
      'a request that was held could not go on',
    );
    client.abort();
  }

  client.pause();
  decided.then(proceed).catch(broken);

  return {
    content(bytes, start, end) {
      if (next !== null) next.content(bytes, start, end);
      else if (!over) spans.push(bytes.subarray(start, end));
    },
    flush: () => next?.flush(),
    end() {
      if (next === null) isWhole = true;
      else next.end();
    },
    drained: () => next?.drained(),
    gone() {
      if (next !== null) next.gone();
      else if (!over) conclude(CLIENT_CLOSED_REQUEST);
    },
    refuse(problem) {
      if (next !== null) next.refuse(problem);
      else if (!over) {
        conclude(problem.status, problem.code);
        answerProblem(client, context, problem, plane);
      }
    },
    timeUp: () => next?.timeUp(),
  };
}
