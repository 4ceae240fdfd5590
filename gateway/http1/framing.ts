import { DIGIT, DIGIT_ZERO, madeOf } from './characters';
import { MalformedMessage } from './malformed-message';

/** How the end of a body is known (RFC 9112, 6.3). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

export const NO_BODY: Framing = { kind: 'none' };
export const CHUNKED: Framing = { kind: 'chunked' };
export const UNTIL_CLOSE: Framing = { kind: 'until-close' };

/** Fifteen digits stay exact as a JavaScript number. */
const MAX_LENGTH_DIGITS = 15;

/**
 * The framing that Content-Length and Transfer-Encoding declare together. Where two readings are possible,
 * the message is refused: disagreement between two readers is what request smuggling lives on (RFC 9112, 11.2).
 *
 * @param contentLength,transferEncoding the value of the only such header, null when there is none
 * @returns null when neither is there
 * @throws MalformedMessage
 */
export function declaredFraming(
  contentLength: string | null,
  transferEncoding: string | null,
): Framing | null {
  if (transferEncoding !== null) {
    if (contentLength !== null) {
      throw new MalformedMessage(400, 'Content-Length and Transfer-Encoding exclude each other');
    }
    const coding = transferEncoding.toLowerCase();
    if (coding === 'chunked') return CHUNKED;
    if (coding.endsWith(', chunked'))
      throw new MalformedMessage(501, 'The only transfer coding known here is chunked');
    throw new MalformedMessage(400, 'The last transfer coding must be chunked');
  }
  if (contentLength === null) return null;
  return { kind: 'length', length: lengthFrom(contentLength) };
}

/** Digit by digit: `Number` would have to be given a text of its own, and reads more than digits. */
function lengthFrom(text: string): number {
  if (text.length === 0 || text.length > MAX_LENGTH_DIGITS || !madeOf(DIGIT, text, 0, text.length))
    throw new MalformedMessage(400, 'Content-Length must be one number');
  let length = 0;
  for (let position = 0; position < text.length; position++)
    length = length * 10 + text.charCodeAt(position) - DIGIT_ZERO;
  return length;
}

/**
 * How a response's body goes on to a client: HTTP/1.0 knows no chunks; to others a body of unknown length goes in
 * chunks, so that its end can be told from a break.
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
