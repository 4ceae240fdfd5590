import { isField, listOf } from '../http1/field-lines';
import { type Framing, framingLine } from '../http1/framing';
import type { IncomingResponse } from '../http1/message';
import { knownEntityTag } from '../model/content-coding';
import { isForwardedDownstream } from '../model/forwarded-fields';
import { viaLine } from '../model/via';
import { type Compression, codedLine } from './compression/compression';
import type { Exchange } from './exchange';

/** How a response is written to its client. */
export interface WrittenResponse {
  readonly framing: Framing;
  /** Value of its Connection header; null for none. */
  readonly connection: string | null;
  readonly compression: Compression;
}

/** Serializes the head of a forwarded response. */
export function responseHeadText(
  { context, plan }: Exchange,
  response: IncomingResponse,
  { framing, connection, compression }: WrittenResponse,
): string {
  const { coding } = compression;
  // Responses to HEAD and 304 carry the length of the omitted body.
  const lengthPasses =
    framing.kind === 'none' && response.status >= 200 && response.status !== 204 && coding === null;
  const ifNoneMatch = response.status === 304 ? listOf(context.request.head.headers, 'If-None-Match') : null;
  let text = `HTTP/1.1 ${response.status} ${response.reason}\r\n`;
  for (const field of response.headers) {
    const [name, value, line] = field;
    if (isForwardedDownstream(response, name)) {
      if (coding !== null) text += codedLine(field, coding);
      else if (ifNoneMatch !== null && isField(name, 'ETag'))
        text += `${name}: ${knownEntityTag(value, ifNoneMatch)}\r\n`;
      else text += line;
    } else if (lengthPasses && isField(name, 'Content-Length')) text += line;
  }
  text += compression.lines;
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
