import { httpDate } from '../http1/http-date';
import { reasonPhrase } from '../http1/reason-phrase';
import { canKeepAlive, connectionValue, type Exchange } from './exchange';

const STATUS = 204;

/** Responds to OPTIONS, and ends the request. @param lines specific header lines; each ends with CR LF */
export function sendOptions(exchange: Exchange, lines: string): void {
  const { client, context, plan, dataPlane } = exchange;
  const keepAlive = canKeepAlive(exchange);
  const connection = connectionValue(exchange, keepAlive);
  let text = `HTTP/1.1 ${STATUS} ${reasonPhrase(STATUS)}\r\n${lines}Date: ${httpDate()}\r\n`;
  text += `X-Request-ID: ${context.requestId}\r\n${plan.headerLines}`;
  client.push(`${text}${connection === null ? '' : `Connection: ${connection}\r\n`}\r\n`);
  client.flush();
  dataPlane.accessLog.end(context, { route: 'options', status: STATUS, bytesIn: 0, bytesOut: 0 });
  client.finish(keepAlive);
}
