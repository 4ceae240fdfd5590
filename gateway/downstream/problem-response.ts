import { PROBLEM_MEDIA_TYPE, type Problem, problemDocument } from '#kit/errors/problem';
import { httpDate } from '../http1/http-date';
import { reasonPhrase } from '../http1/reason-phrase';
import { canKeepAlive, connectionValue, type Exchange } from './exchange';
import { restoredFields } from './restored-addresses';

/** Sends a problem document and ends the request. */
export function sendProblem(exchange: Exchange, problem: Problem): void {
  const { client, context, plan } = exchange;
  const { head } = context.request;
  const { requestId } = context;
  const keepAlive = canKeepAlive(exchange);
  const body = problemBody(problem, pathOf(head.target), requestId);
  const connection = connectionValue(exchange, keepAlive);
  const { headerLines } = plan;
  const fields = restoredFields(exchange, problem.headers);
  client.push(
    problemHead(problem.status, fields, { requestId, length: body.length, connection, headerLines }),
  );
  if (head.method !== 'HEAD') client.pushBytes(body, 0, body.length);
  client.flush();
  client.finish(keepAlive);
}

/** The complete response to bytes that are no request, after which the connection is closed. */
export function malformedRequestResponse(problem: Problem, requestId: string): Buffer {
  const body = problemBody(problem, '/', requestId);
  const head = problemHead(problem.status, problem.headers, {
    requestId,
    length: body.length,
    connection: 'close',
    headerLines: '',
  });
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

function problemBody(problem: Problem, path: string, requestId: string): Buffer {
  return Buffer.from(JSON.stringify(problemDocument(problem, { path, requestId })));
}

function problemHead(
  status: number,
  fields: Readonly<Record<string, string>>,
  rest: { requestId: string; length: number; connection: string | null; headerLines: string },
): string {
  const { requestId, length, connection, headerLines } = rest;
  let text = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
  for (const [name, value] of Object.entries(fields)) text += `${name}: ${value}\r\n`;
  text += `Content-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${length}\r\nCache-Control: no-store\r\n`;
  text += `Date: ${httpDate()}\r\nX-Request-ID: ${requestId}\r\n${headerLines}`;
  return `${text}${connection === null ? '' : `Connection: ${connection}\r\n`}\r\n`;
}

const pathOf = (target: string) => {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
};
