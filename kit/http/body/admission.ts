import { bodyTooLarge, type Problem, UnsupportedMediaType } from '../../errors/problem';
import { canonicalContentType, mediaTypeOf } from '../../text/media-type';
import { limitBody } from './limit';

/** Default limit of a request body, and of every body that is buffered whole: 1 MiB. */
export const JSON_BODY_BYTES = 1024 * 1024;

/** Read whole by the platform. Forms with files are streamed by their routes. */
const BUFFERED = new Set(['application/json', 'application/x-www-form-urlencoded', 'text/plain']);

/**
 * Admits the body of a request before anything reads it: within its limit, whether it has a length or comes in chunks,
 * with its media type in the usual spelling.
 *
 * @param maxBytes limit of the service; bodies that are buffered whole have at most 1 MiB
 * @throws BodyTooLarge for one that is announced as larger; one in chunks throws it when it is read
 */
export function admitBody(request: Request, maxBytes: number): void {
  const { headers, method } = request;
  if (method === 'GET' || method === 'HEAD') return;
  const contentType = headers.get('content-type');
  if (contentType !== null) {
    const canonical = canonicalContentType(contentType);
    // The framework compares it as text.
    if (canonical !== contentType) headers.set('content-type', canonical);
  }
  const limit = BUFFERED.has(mediaTypeOf(contentType)) ? Math.min(maxBytes, JSON_BODY_BYTES) : maxBytes;
  const length = headers.get('content-length');
  if (length === null) {
    if (headers.has('transfer-encoding')) limitBody(request, limit);
  } else if (Number(length) > limit) throw bodyTooLarge(limit);
}

/** What a response says to a client whose content coding is refused (RFC 9110, section 12.5.3). */
const ACCEPTED_CODINGS = { 'accept-encoding': 'identity' };

/**
 * The problem of a body with a content coding: 415 (RFC 9110, section 15.5.16). Bodies are read as they are sent: nothing
 * decompresses them, so that a small request cannot become a large one.
 *
 * @param contentEncoding value of the field; null, like `identity`, is fine
 */
export function contentCodingProblem(contentEncoding: string | null): Problem | null {
  if (contentEncoding === null) return null;
  const isIdentity = contentEncoding
    .split(',')
    .every((coding) => ['', 'identity'].includes(coding.trim().toLowerCase()));
  if (isIdentity) return null;
  return new UnsupportedMediaType({
    detail: 'Send the body uncompressed, without Content-Encoding: the only supported coding is identity.',
    headers: ACCEPTED_CODINGS,
  });
}
