import { isField } from '../../http1/field-lines';
import type { HeaderList } from '../../http1/message';
import { CONTENT_CODINGS, type ContentCoding, codedEntityTag } from '../../model/content-coding';
import type { Decision } from '../../model/decision';
import type { Exchange } from '../exchange';
import { acceptedCoding } from './accepted-coding';
import { isCompressible } from './compressible';
import { countSkipped, type SkipReason } from './compression-counts';

/** What is done about the coding of one response. */
export interface Compression {
  /** Null where it is sent as it is. */
  readonly coding: ContentCoding | null;
  /** `Content-Encoding` and `Vary`; each ends with CR LF. */
  readonly lines: string;
}

/** For a response that is the same for every client. */
export const UNCOMPRESSED: Compression = { coding: null, lines: '' };
const VARY = 'Vary: Accept-Encoding\r\n';
/** For one that other clients get compressed. */
export const IDENTITY: Compression = { coding: null, lines: VARY };
const BY_CODING = new Map(
  CONTENT_CODINGS.map((coding) => [coding, { coding, lines: `Content-Encoding: ${coding}\r\n${VARY}` }]),
);

/** A smaller response fits into one packet as it is, and may grow. */
export const MIN_BYTES = 1024;

/** The head of a response, as far as it decides. */
export interface CodableResponse {
  readonly status: number;
  /** Of the body in bytes; null where it is not known yet. */
  readonly length: number | null;
  readonly fields: Iterable<readonly [name: string, value: string, line?: string]>;
}

/**
 * Decides the coding of a response: compressed if the client asks for it, and it is text of more than 1 KiB, complete in
 * one body, not compressed already and free to be transformed (RFC 9110, 7.7).
 */
export function compressionOf(exchange: Exchange, response: CodableResponse): Compression {
  const { context, decision, dataPlane } = exchange;
  const { status, length } = response;
  if (!dataPlane.compresses) return UNCOMPRESSED;
  if (WITHOUT_OWN_BODY.has(status)) return skipped('no-body');
  if (length !== null && length <= MIN_BYTES) return skipped('small');
  if (!isTransformable(response.fields)) return skipped('not-compressible');
  if (holdsSecrets(decision)) return skipped('secret');
  const compression = compressionFor(context.request.head.headers);
  if (compression.coding === null) countSkipped('not-accepted');
  return compression;
}

function skipped(reason: SkipReason): Compression {
  countSkipped(reason);
  return UNCOMPRESSED;
}

/** The compression of a response that may be compressed. */
export function compressionFor(headers: HeaderList): Compression {
  const coding = acceptedCoding(headers);
  return (coding === null ? undefined : BY_CODING.get(coding)) ?? IDENTITY;
}

/** No content, a part of it, or none but the confirmation of what the client has. */
const WITHOUT_OWN_BODY = new Set([101, 204, 205, 206, 226, 304]);
/** Whether a body is text, and may be sent in another coding. */
export function isTransformable(fields: CodableResponse['fields']): boolean {
  let isText = false;
  for (const [name, value] of fields) {
    // By length first: most names need no comparison.
    switch (name.length) {
      case 12:
        if (isField(name, 'Content-Type')) isText = isCompressible(value);
        break;
      case 13:
        if (isField(name, 'Cache-Control') && value.toLowerCase().includes('no-transform')) return false;
        if (isBinding(name, value, 'Content-Range')) return false;
        break;
      case 6:
        if (isBinding(name, value, 'Digest')) return false;
        break;
      case 11:
        if (isBinding(name, value, 'Content-MD5') || isBinding(name, value, 'Repr-Digest')) return false;
        break;
      case 14:
        if (isBinding(name, value, 'Content-Digest')) return false;
        break;
      case 16:
        if (isBinding(name, value, 'Content-Encoding')) return false;
        break;
    }
  }
  return isText;
}

/** Whether a field is the one that says something about the exact bytes of the body. */
const isBinding = (name: string, value: string, usual: string): boolean =>
  isField(name, usual) && value.toLowerCase() !== 'identity';

/**
 * Responses of sign-in hold secrets beside what a client sent: their compressed length would tell about them (BREACH).
 */
function holdsSecrets(decision: Decision): boolean {
  if (decision.kind !== 'forward' && decision.kind !== 'transcode') return false;
  const { service, target } = decision;
  return SECRET_NAMES.some((name) => service === name || isBelow(target, name));
}

const SECRET_NAMES = ['auth', 'oauth'];

function isBelow(target: string, name: string): boolean {
  if (!target.startsWith(name, 1)) return false;
  const next = target.charAt(name.length + 1);
  return next === '' || next === '/' || next === '?';
}

/** A header line of the response as it is sent with its coding; empty for one that is dropped. */
export function codedLine(
  [name, value, line]: readonly [string, string, string],
  coding: ContentCoding,
): string {
  switch (name.length) {
    case 4:
      return name.toLowerCase() === 'etag' ? `${name}: ${codedEntityTag(value, coding)}\r\n` : line;
    case 13:
      // Ranges would be those of the instance, which are no parts of this body.
      return name.toLowerCase() === 'accept-ranges' ? '' : line;
    case 16:
      return name.toLowerCase() === 'content-encoding' ? '' : line;
    default:
      return line;
  }
}
