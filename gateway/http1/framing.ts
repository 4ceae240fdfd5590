import { consistsOf, DIGIT, DIGIT_ZERO } from './characters';
import { MalformedMessage } from './malformed-message';

/** How the end of a body is determined (RFC 9112, 6.3). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

export const NO_BODY: Framing = { kind: 'none' };
export const CHUNKED: Framing = { kind: 'chunked' };
export const UNTIL_CLOSE: Framing = { kind: 'until-close' };

/** Fifteen digits are exact as a JavaScript number. */
const MAX_LENGTH_DIGITS = 15;

/**
 * The framing declared by Content-Length and Transfer-Encoding. Ambiguous messages are rejected: request smuggling exploits
 * disagreement between two parsers (RFC 9112, 11.2).
 *
 * @param contentLength,transferEncoding the value of the single such field, null without one
 * @returns null without either
 * @throws MalformedMessage
 */
export function declaredFraming(
  contentLength: string | null,
  transferEncoding: string | null,
): Framing | null {
  if (transferEncoding !== null) {
    if (contentLength !== null) {
      throw new MalformedMessage(400, 'Content-Length and Transfer-Encoding are mutually exclusive');
    }
    const coding = transferEncoding.toLowerCase();
    if (coding === 'chunked') return CHUNKED;
    if (coding.endsWith(', chunked'))
      throw new MalformedMessage(501, 'The only supported transfer coding is chunked');
    throw new MalformedMessage(400, 'The last transfer coding must be chunked');
  }
  if (contentLength === null) return null;
  return { kind: 'length', length: lengthFrom(contentLength) };
}

/** Digit by digit: `Number` accepts more than digits. */
function lengthFrom(text: string): number {
  if (text.length === 0 || text.length > MAX_LENGTH_DIGITS || !consistsOf(DIGIT, text, 0, text.length))
    throw new MalformedMessage(400, 'Content-Length must be a single number');
  let length = 0;
  for (let position = 0; position < text.length; position++)
    length = length * 10 + text.charCodeAt(position) - DIGIT_ZERO;
  return length;
}

/**
 * The framing of a response to a client: HTTP/1.0 has no chunks; for others a body of unknown length is chunked, so that
 * truncation is detectable.
 */
export function framingForClient(framing: Framing, httpVersion: '1.0' | '1.1'): Framing {
  if (framing.kind === 'none' || framing.kind === 'length') return framing;
  return httpVersion === '1.1' ? CHUNKED : UNTIL_CLOSE;
}

/** The header line that announces a framing; empty for one without. */
export function framingLine(framing: Framing): string {
  if (framing.kind === 'length') return `Content-Length: ${framing.length}\r\n`;
  return framing.kind === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : '';
}
