import type { CacheHit } from '../admission/admission';
import type { CachedResponse } from '../admission/cached-responses';
import { headerLine, listOf } from '../http1/field-lines';
import type { HeaderLine } from '../http1/message';
import { type ContentCoding, knownEntityTag } from '../model/content-coding';
import type { ForwardDecision } from '../model/decision';
import { CODERS } from './compression/coders';
import { codedLine, compressionOf, IDENTITY } from './compression/compression';
import { canKeepAlive, connectionValue, type Exchange } from './exchange';

/** Responds with a stored response and the header lines of this request. */
export function sendCacheHit(
  exchange: Exchange,
  { service, route }: ForwardDecision,
  { response, ageSeconds, notModified }: CacheHit,
): void {
  const { client, context, plan, dataPlane } = exchange;
  const { lines, body } = notModified ? unmodified(exchange, response) : represented(exchange, response);
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

/** Header lines and body of a response in one coding. */
interface Representation {
  readonly lines: string;
  readonly body: Buffer;
}

const NO_BYTES = Buffer.alloc(0);

/** The client's copy is still good: it is confirmed under the entity tag it has it by. */
function unmodified({ context }: Exchange, { notModifiedLines, etag }: CachedResponse): Representation {
  const ifNoneMatch = listOf(context.request.head.headers, 'If-None-Match');
  const known = etag === null ? null : knownEntityTag(etag, ifNoneMatch);
  const lines =
    etag === null || known === null || known === etag
      ? notModifiedLines
      : notModifiedLines.replace(`: ${etag}\r\n`, () => `: ${known}\r\n`);
  return { lines, body: NO_BYTES };
}

/**
 * Stored responses in the codings they were sent in. Each is compressed once, so that clients cannot have it done over and
 * over; together the copies are hardly larger than the text, and go with it.
 */
const codedResponses = new WeakMap<CachedResponse, Map<ContentCoding, Representation>>();

function represented(exchange: Exchange, response: CachedResponse): Representation {
  const { lines, body } = response;
  const fields = linesOf(lines);
  const { coding, lines: added } = compressionOf(exchange, { status: 200, length: body.length, fields });
  if (coding === null) return { lines: lines + added, body };
  const known = codedResponses.get(response) ?? new Map<ContentCoding, Representation>();
  codedResponses.set(response, known);
  const coded = known.get(coding) ?? compressed(response, fields, coding, added);
  known.set(coding, coded);
  return coded;
}

function compressed(
  { lines, body }: CachedResponse,
  fields: readonly HeaderLine[],
  coding: ContentCoding,
  added: string,
): Representation {
  const bytes = CODERS[coding].now(body);
  if (bytes.length >= body.length) return { lines: lines + IDENTITY.lines, body };
  return { lines: fields.map((field) => codedLine(field, coding)).join('') + added, body: bytes };
}

/** The stored lines as fields. */
const linesOf = (lines: string): HeaderLine[] =>
  lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return headerLine(line.slice(0, colon), line.slice(colon + 2));
    });
