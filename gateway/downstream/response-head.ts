import type { PartSink } from '../http1/body-encoder';
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

/** Writes the head of a forwarded response. */
export function pushResponseHead(
  { client, context, plan }: Exchange,
  response: IncomingResponse,
  { framing, connection, compression }: WrittenResponse,
): void {
  const { coding } = compression;
  // Responses to HEAD and 304 carry the length of the omitted body.
  const lengthPasses =
    framing.kind === 'none' && response.status >= 200 && response.status !== 204 && coding === null;
  const ifNoneMatch = response.status === 304 ? listOf(context.request.head.headers, 'If-None-Match') : null;
  pushStatusLine(client, response);
  for (const field of response.headers) {
    const [name, value, line] = field;
    if (isForwardedDownstream(response, name)) {
      if (coding !== null) client.push(codedLine(field, coding));
      else if (ifNoneMatch !== null && isField(name, 'ETag'))
        client.push(`${name}: ${knownEntityTag(value, ifNoneMatch)}\r\n`);
      else client.push(line);
    } else if (lengthPasses && isField(name, 'Content-Length')) client.push(line);
  }
  client.push(compression.lines);
  pushOwnLines(client, response, context.requestId, plan.headerLines);
  if (connection !== null) client.push(`Connection: ${connection}\r\n`);
  client.push(framingLine(framing));
  client.push('\r\n');
}

/** Writes an interim head (1xx). A 101 is the last head of its exchange: it names the protocol and the request. */
export function pushInterimHead({ client, context, plan }: Exchange, response: IncomingResponse): void {
  pushStatusLine(client, response);
  for (const [name, , line] of response.headers) {
    if (isForwardedDownstream(response, name)) client.push(line);
  }
  if (response.status === 101) {
    pushOwnLines(client, response, context.requestId, plan.headerLines);
    client.push('Connection: Upgrade\r\nUpgrade: websocket\r\n');
  }
  client.push('\r\n');
}

function pushStatusLine(sink: PartSink, { status, reason }: IncomingResponse): void {
  if (status === 200 && reason === 'OK') {
    sink.push('HTTP/1.1 200 OK\r\n');
    return;
  }
  sink.push(`HTTP/1.1 ${status} ${reason}\r\n`);
}

/** What the gateway adds to every head of an instance. */
function pushOwnLines(
  sink: PartSink,
  { httpVersion }: IncomingResponse,
  requestId: string,
  planned: string,
): void {
  sink.push(viaLine(httpVersion));
  sink.push('X-Request-ID: ');
  sink.push(requestId);
  sink.push('\r\n');
  sink.push(planned);
}
