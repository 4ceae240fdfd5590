import type { AdmissionDecision } from '../admission/admission';
import type { RequestHandler } from '../downstream/client-stream';
import { sendProblem } from '../downstream/problem-response';
import { CLIENT_CLOSED_REQUEST } from '../model/outcome';
import type { ProxyExchange } from './data-plane';

/**
 * Suspends a request until its admission is decided: buffers the part of its body that has arrived, pauses reading, and
 * then replays the body to the handler that responds. What is buffered was in the socket already.
 *
 * @param respond starts the response
 */
export function awaitAdmission(
  exchange: ProxyExchange,
  decided: Promise<AdmissionDecision>,
  respond: (exchange: ProxyExchange, admission: AdmissionDecision) => RequestHandler,
): RequestHandler {
  const { client, context, dataPlane } = exchange;
  const parts: Buffer[] = [];
  let isComplete = false;
  let next: RequestHandler | null = null;
  let isOver = false;

  function proceed(admission: AdmissionDecision) {
    if (isOver) return;
    client.resume();
    const handler = respond({ ...exchange, plan: admission }, admission);
    next = handler;
    for (const part of parts) handler.content(part, 0, part.length);
    if (parts.length > 0) handler.flush();
    if (isComplete) handler.end();
    parts.length = 0;
  }

  function record(status: number, code?: string) {
    isOver = true;
    const bytesIn = parts.reduce((sum, { length }) => sum + length, 0);
    dataPlane.accessLog.end(context, { route: 'refused', status, bytesIn, bytesOut: 0, code });
  }

  function failed(failure: unknown) {
    dataPlane.log.error({ err: failure, request_id: context.requestId }, 'admission failed');
    client.abort();
  }

  client.pause();
  decided.then(proceed).catch(failed);

  return {
    content(bytes, start, end) {
      if (next !== null) next.content(bytes, start, end);
      else if (!isOver) parts.push(bytes.subarray(start, end));
    },
    flush: () => next?.flush(),
    end() {
      if (next === null) isComplete = true;
      else next.end();
    },
    drained: () => next?.drained(),
    disconnected() {
      if (next !== null) next.disconnected();
      else if (!isOver) record(CLIENT_CLOSED_REQUEST);
    },
    reject(problem) {
      if (next !== null) next.reject(problem);
      else if (!isOver) {
        record(problem.status, problem.code);
        sendProblem(exchange, problem);
      }
    },
    timedOut: () => next?.timedOut(),
  };
}
