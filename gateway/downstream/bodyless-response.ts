import type { RequestContext } from '../model/request-context';
import type { Plane } from '../proxy/data-plane';
import { type ClientSide, connectionValue, mayKeepAlive } from './client-stream';
import { reasonOf } from './problem-response';

/**
 * Answers without a body, and ends the request.
 *
 * @param status one whose responses have no body: 204 or 304
 * @param lines header lines besides those every response has; each ends with CR LF
 */
export function answerBodyless(
  client: ClientSide,
  context: RequestContext,
  { status, lines, route }: { status: 204 | 304; lines: string; route: string },
  plane: Plane,
): void {
  const { request, requestId, responseLines } = context;
  const keepAlive = mayKeepAlive(request, client, plane.draining());
  const connection = connectionValue(request, keepAlive);
  let text = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${lines}Date: ${new Date().toUTCString()}\r\n`;
  text += `X-Request-ID: ${requestId}\r\n${responseLines}`;
  client.push(`${text}${connection === null ? '' : `Connection: ${connection}\r\n`}\r\n`);
  client.flush();
  plane.accessLog.end(context, { route, status, bytesIn: 0, bytesOut: 0 });
  client.finish(keepAlive);
}
