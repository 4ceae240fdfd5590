import type { Lookup } from '../admission/response-cache';
import type { Forward } from '../model/decision';
import type { RequestContext } from '../model/request-context';
import type { Plane } from '../proxy/data-plane';
import { type ClientSide, connectionValue, mayKeepAlive } from './client-stream';

/** Answers with a kept response: its own lines and body, and everything that is of this request anew. */
export function answerCached(
  client: ClientSide,
  context: RequestContext,
  { service, route }: Forward,
  { response, ageSeconds, notModified }: Extract<Lookup, { kind: 'hit' }>,
  plane: Plane,
): void {
  const { request, requestId, responseLines } = context;
  const { body } = response;
  const lines = notModified ? response.notModifiedLines : response.lines;
  const keepAlive = mayKeepAlive(request, client, plane.draining());
  const connection = connectionValue(request, keepAlive);
  const sendsBody = !notModified && request.head.method !== 'HEAD';
  let text = notModified ? 'HTTP/1.1 304 Not Modified\r\n' : 'HTTP/1.1 200 OK\r\n';
  text += `${lines}Age: ${ageSeconds}\r\nCache-Status: rookery; hit\r\n`;
  if (!notModified) text += `Content-Length: ${body.length}\r\n`;
  text += `X-Request-ID: ${requestId}\r\n${responseLines}`;
  client.push(`${text}${connection === null ? '' : `Connection: ${connection}\r\n`}\r\n`);
  if (sendsBody && body.length > 0) client.pushBytes(body, 0, body.length);
  client.flush();
  const bytesOut = sendsBody ? body.length : 0;
  plane.accessLog.end(context, { service, route, status: notModified ? 304 : 200, bytesIn: 0, bytesOut });
  client.finish(keepAlive);
}
