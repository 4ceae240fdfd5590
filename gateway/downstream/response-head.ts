import { isField } from '../http1/field-lines';
import { type Framing, framingLine } from '../http1/framing';
import type { IncomingResponse } from '../http1/message';
import { isForwardedDownstream } from '../model/forwarded-fields';
import { viaLine } from '../model/via';
import type { Exchange } from './exchange';

/** Serializes the head of a forwarded response. @param connection value of its Connection header, null for none */
export function responseHeadText(
  { context, plan }: Exchange,
  response: IncomingResponse,
  framing: Framing,
  connection: string | null,
): string {
  // Responses to HEAD and 304 carry the length of the omitted body.
  const lengthPasses = framing.kind === 'none' && response.status >= 200 && response.status !== 204;
  let text = `HTTP/1.1 ${response.status} ${response.reason}\r\n`;
  for (const [name, , line] of response.headers) {
    if (isForwardedDownstream(response, name)) text += line;
    else if (lengthPasses && isField(name, 'Content-Length')) text += line;
  }
  text += `${viaLine(response.httpVersion)}X-Request-ID: ${context.requestId}\r\n${plan.headerLines}`;
  if (connection !== null) text += `Connection: ${connection}\r\n`;
  return `${text}${framingLine(framing)}\r\n`;
}

/** Serializes an interim head (1xx). A 101 is the last head of its exchange: it names the protocol and the request. */
export function interimHeadText({ context, plan }: Exchange, response: IncomingResponse): string {
  let text = `HTTP/1.1 ${response.status} ${response.reason}\r\n`;
  for (const [name, , line] of response.headers) {
    if (isForwardedDownstream(response, name)) text += line;
  }
  if (response.status !== 101) return `${text}\r\n`;
  return `${text}${viaLine(response.httpVersion)}X-Request-ID: ${context.requestId}\r\n${plan.headerLines}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
}
