import { CR, LF, SPACE, TARGET, TOKEN } from './characters';
import { internedText } from './interned-strings';
import { MalformedMessage } from './malformed-message';

export interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly httpVersion: '1.0' | '1.1';
  /** Position after the line. */
  readonly end: number;
}

const MAX_METHOD_CHARACTERS = 32;
/** `d` matches any digit. */
const VERSION_AND_LINE_END = ' HTTP/d.d\r\n';

/**
 * Reads `method SP request-target SP HTTP-version CRLF` (RFC 9112, 3), validated byte by byte.
 *
 * @param text latin-1
 * @returns null when the line is incomplete
 * @throws MalformedMessage
 */
export function readRequestLine(text: string, start: number, targetBytes: number): RequestLine | null {
  let methodEnd = start;
  while (methodEnd < text.length && TOKEN[text.charCodeAt(methodEnd)] === 1) methodEnd++;
  if (methodEnd - start > MAX_METHOD_CHARACTERS) throw new MalformedMessage(400, 'Method too long');
  if (methodEnd === text.length) return null;
  if (methodEnd === start || text.charCodeAt(methodEnd) !== SPACE) {
    throw new MalformedMessage(400, 'A request must begin with a method and one space');
  }

  const targetStart = methodEnd + 1;
  const targetLimit = targetStart + targetBytes;
  let targetEnd = targetStart;
  while (targetEnd < text.length && TARGET[text.charCodeAt(targetEnd)] === 1) targetEnd++;
  if (targetEnd > targetLimit) throw new MalformedMessage(414, 'Request target too long');
  if (targetEnd === text.length) return null;
  if (targetEnd === targetStart || text.charCodeAt(targetEnd) !== SPACE) {
    throw new MalformedMessage(400, 'Invalid character in the request target');
  }

  const httpVersion = readVersion(text, targetEnd);
  if (httpVersion === null) return null;
  const method = internedText(text, start, methodEnd);
  if (method === 'CONNECT' || method === 'TRACE') {
    throw new MalformedMessage(405, 'CONNECT and TRACE are not supported');
  }
  const target = text.substring(targetStart, targetEnd);
  return { method, target, httpVersion, end: targetEnd + VERSION_AND_LINE_END.length };
}

function readVersion(text: string, start: number): '1.0' | '1.1' | null {
  const end = start + VERSION_AND_LINE_END.length;
  for (let position = start; position < end; position++) {
    if (position >= text.length) return null;
    const expected = VERSION_AND_LINE_END.charCodeAt(position - start);
    const code = text.charCodeAt(position);
    const fits = expected === DIGIT_PLACE ? code >= 0x30 && code <= 0x39 : code === expected;
    if (!fits) throw new MalformedMessage(400, 'A request line must end with the HTTP version and CR LF');
  }
  const major = text.charCodeAt(start + 6);
  const minor = text.charCodeAt(start + 8);
  if (major !== 0x31 || minor > 0x31)
    throw new MalformedMessage(505, 'Only HTTP/1.1 and HTTP/1.0 are supported');
  return minor === 0x31 ? '1.1' : '1.0';
}

const DIGIT_PLACE = 'd'.charCodeAt(0);

/**
 * RFC 9112, 2.2: an empty line before a request is skipped, for the sake of old clients.
 *
 * @returns the number of characters to skip, null when more bytes are needed
 */
export function emptyLineBefore(text: string): number | null {
  if (text.charCodeAt(0) !== CR) return 0;
  if (text.length < 2) return null;
  if (text.charCodeAt(1) !== LF) throw new MalformedMessage(400, 'A line must end with CR LF');
  return 2;
}
