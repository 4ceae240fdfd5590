import type { CacheHit } from '../admission/admission';
import type { ForwardDecision } from '../model/decision';
import { canKeepAlive, connectionValue, type Exchange } from './exchange';

/** Responds with a stored response and the header lines of this request. */
export function sendCacheHit(
  exchange: Exchange,
  { service, route }: ForwardDecision,
  { response, ageSeconds, notModified }: CacheHit,
): void {
  const { client, context, plan, dataPlane } = exchange;
  const { body } = response;
  const lines = notModified ? response.notModifiedLines : response.lines;
  const keepAlive = canKeepAlive(exchange);
  const connection = connectionValue(exchange, keepAlive);
  const sendsBody = !notModified && context.request.head.method !== 'HEAD';
  let text = notModified ? 'HTTP/1.1 304 Not Modified\r\n' : 'HTTP/1.1 200 OK\r\n';
  text += `${lines}Age: ${ageSeconds}\r\nCache-Status: rookery; hit\r\n`;
  if (!notModified) text += `Content-Length: ${body.length}\r\n`;
  text += `X-Request-ID: ${context.requestId}\r\n${plan.headerLines}`;
  client.push(`${text}${connection === null ? '' : `Connection: ${connection}\r\n`}\r\n`);
  if (sendsBody && body.length > 0) client.pushBytes(body, 0, body.length);
  client.flush();
  const bytesOut = sendsBody ? body.length : 0;
  const status = notModified ? 304 : 200;
  dataPlane.accessLog.end(context, { service, route, status, bytesIn: 0, bytesOut });
  client.finish(keepAlive);
}
