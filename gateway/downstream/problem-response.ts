import { PROBLEM_MEDIA_TYPE, type Problem, problemDocument } from '#kit/errors/problem';
import { renderPage } from '#kit/http/html/page';
import { pageOfProblem } from '#kit/http/html/problem-page';
import { asksForPage } from '#kit/http/page-requests';
import { listOf } from '../http1/field-lines';
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
  const connection = connectionValue(exchange, keepAlive);
  const { headerLines } = plan;
  const { body, type, fields } = asksForPage(listOf(head.headers, 'Accept'))
    ? pageContent(problem, requestId)
    : documentContent(problem, pathOf(head.target), requestId);
  const rest = { requestId, type, length: body.length, connection, headerLines };
  client.push(problemHead(problem.status, restoredFields(exchange, fields), rest));
  if (head.method !== 'HEAD') client.pushBytes(body, 0, body.length);
  client.flush();
  client.finish(keepAlive);
}

/** The complete response to bytes that are no request, after which the connection is closed. */
export function malformedRequestResponse(problem: Problem, requestId: string): Buffer {
  const { body, type, fields } = documentContent(problem, '/', requestId);
  const head = problemHead(problem.status, fields, {
    requestId,
    type,
    length: body.length,
    connection: 'close',
    headerLines: '',
  });
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

interface Content {
  readonly body: Buffer;
  readonly type: string;
  readonly fields: Readonly<Record<string, string>>;
}

const documentContent = (problem: Problem, path: string, requestId: string): Content => ({
  body: Buffer.from(JSON.stringify(problemDocument(problem, { path, requestId }))),
  type: PROBLEM_MEDIA_TYPE,
  fields: problem.headers,
});

function pageContent(problem: Problem, requestId: string): Content {
  const { html, headers } = renderPage(pageOfProblem(problem, requestId));
  // These are written with every problem.
  const { 'content-type': type = '', 'cache-control': _, 'x-request-id': __, ...fields } = headers;
  return { body: Buffer.from(html), type, fields };
}

function problemHead(
  status: number,
  fields: Readonly<Record<string, string>>,
  rest: {
    requestId: string;
    type: string;
    length: number;
    connection: string | null;
    headerLines: string;
  },
): string {
  const { requestId, type, length, connection, headerLines } = rest;
  let text = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
  for (const [name, value] of Object.entries(fields)) text += `${name}: ${value}\r\n`;
  text += `Content-Type: ${type}\r\nContent-Length: ${length}\r\nCache-Control: no-store\r\n`;
  text += `Date: ${httpDate()}\r\nX-Request-ID: ${requestId}\r\n${headerLines}`;
  return `${text}${connection === null ? '' : `Connection: ${connection}\r\n`}\r\n`;
}

const pathOf = (target: string) => {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
};
