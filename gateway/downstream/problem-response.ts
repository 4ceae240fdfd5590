import { STATUS_CODES } from 'node:http';
import { PROBLEM_MEDIA_TYPE, type Problem, problemDocument } from '#kit/errors/problem';
import type { RequestContext } from '../model/request-context';
import type { Plane } from '../proxy/data-plane';
import type { ClientSide } from './client-stream';
import { connectionValue, mayKeepAlive } from './client-stream';

/** Writes a problem document and ends the request. Returns the length of the document in bytes. */
export function answerProblem(
  client: ClientSide,
  context: RequestContext,
  problem: Problem,
  plane: Plane,
): number {
  const { request, requestId, responseLines } = context;
  const keepAlive = mayKeepAlive(request, client, plane.draining());
  const body = problemBody(problem, pathOf(request.head.target), requestId);
  const connection = connectionValue(request, keepAlive);
  client.push(problemHead(problem, { requestId, length: body.length, connection, responseLines }));
  if (request.head.method !== 'HEAD') client.pushBytes(body, 0, body.length);
  client.flush();
  client.finish(keepAlive);
  return body.length;
}

/** The whole answer to bytes that are no request, behind which the connection is closed. */
export function unreadableAnswer(problem: Problem, requestId: string): Buffer {
  const body = problemBody(problem, '/', requestId);
  const head = problemHead(problem, {
    requestId,
    length: body.length,
    connection: 'close',
    responseLines: '',
  });
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

function problemBody(problem: Problem, path: string, requestId: string): Buffer {
  return Buffer.from(JSON.stringify(problemDocument(problem, { path, requestId })));
}

function problemHead(
  problem: Problem,
  rest: { requestId: string; length: number; connection: string | null; responseLines: string },
): string {
  const { requestId, length, connection, responseLines } = rest;
  let text = `HTTP/1.1 ${problem.status} ${reasonOf(problem.status)}\r\n`;
  for (const [name, value] of Object.entries(problem.headers)) text += `${name}: ${value}\r\n`;
  text += `Content-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${length}\r\nCache-Control: no-store\r\n`;
  text += `Date: ${new Date().toUTCString()}\r\nX-Request-ID: ${requestId}\r\n${responseLines}`;
  return `${text}${connection === null ? '' : `Connection: ${connection}\r\n`}\r\n`;
}

const pathOf = (target: string) => {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
};

/** RFC 9110, 15: the reason phrase says nothing a program may rely on, so an unknown one is left empty. */
export const reasonOf = (status: number): string => STATUS_CODES[status] ?? '';
