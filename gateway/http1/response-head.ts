import { mediaTypeOf } from '#kit/text/media-type';
import { CR, DIGIT, DIGIT_ZERO, FIELD_VALUE, LF, SPACE } from './characters';
import {
  connectionOptions,
  DECODED_AT_ONCE,
  emptySection,
  isField,
  readFieldLines,
  single,
} from './field-lines';
import { declaredFraming, NO_BODY, UNTIL_CLOSE } from './framing';
import { internedText } from './interned-strings';
import { MalformedMessage } from './malformed-message';
import type { FieldLimits, HeaderList, IncomingResponse } from './message';

export interface ResponseHeadReader {
  /** The next response is to a request with this method. */
  expect(method: string): void;
  /**
   * @returns the response once its head is complete, else null (then all bytes have been consumed)
   * @throws MalformedMessage
   */
  read(bytes: Buffer, offset: number): IncomingResponse | null;
  /** Position after the head, once `read` has returned a response. */
  readonly consumed: number;
}

interface StatusLine {
  /** As received, including CR LF. */
  readonly sent: string;
  readonly status: number;
  readonly reason: string;
  readonly httpVersion: '1.0' | '1.1';
  readonly end: number;
}

const MAX_REASON_CHARACTERS = 256;

/** Server-sent events: a stream without an end of its own. */
export const isEventStream = ({ headers }: IncomingResponse): boolean =>
  headers.some(
    ([name, value]) => isField(name, 'Content-Type') && mediaTypeOf(value) === 'text/event-stream',
  );

/** Reads successive interim and final response heads from one connection. */
export function createResponseHeadReader(limits: FieldLimits): ResponseHeadReader {
  const maxHeadBytes = limits.fieldBytes + MAX_REASON_CHARACTERS + 64;
  let method = '';
  let text = '';
  let line: StatusLine | null = null;
  /** Responses of one connection mostly have the same status line. */
  let lastLine: StatusLine | null = null;
  let section = emptySection(limits);
  let consumed = 0;

  function readLines() {
    let position = 0;
    if (line === null) {
      line = lastLine !== null && text.startsWith(lastLine.sent) ? lastLine : readStatusLine(text);
      lastLine = line ?? lastLine;
      position = line?.end ?? 0;
    }
    if (line !== null) position = readFieldLines(text, position, section);
    if (position > 0) text = text.slice(position);
  }

  return {
    expect(requestMethod) {
      method = requestMethod;
    },
    get consumed() {
      return consumed;
    },
    read(bytes, offset) {
      const end = Math.min(bytes.length, offset + maxHeadBytes);
      for (let decoded = offset; decoded < end; ) {
        const next = Math.min(end, decoded + DECODED_AT_ONCE);
        text += bytes.toString('latin1', decoded, next);
        decoded = next;
        readLines();
        if (line === null || !section.complete) continue;
        consumed = decoded - text.length;
        const response = interpret(method, line, section.fields);
        text = '';
        line = null;
        section = emptySection(limits);
        return response;
      }
      consumed = end;
      return null;
    },
  };
}

/** `HTTP-version SP status-code [SP reason-phrase] CRLF`; the space before an empty reason is often omitted. */
function readStatusLine(text: string): StatusLine | null {
  if (text.length < 13) {
    if (!'HTTP/1.'.startsWith(text.slice(0, 7)))
      throw new MalformedMessage(400, 'A response must begin with HTTP/1.1 or HTTP/1.0');
    return null;
  }
  const minor = text.charCodeAt(7) - DIGIT_ZERO;
  if (!text.startsWith('HTTP/1.') || (minor !== 0 && minor !== 1) || text.charCodeAt(8) !== SPACE) {
    throw new MalformedMessage(400, 'A response must begin with HTTP/1.1 or HTTP/1.0');
  }
  let status = 0;
  for (let position = 9; position < 12; position++) {
    const code = text.charCodeAt(position);
    if (DIGIT[code] !== 1) throw new MalformedMessage(400, 'A status must have three digits');
    status = status * 10 + code - DIGIT_ZERO;
  }
  if (status < 100 || status > 599) throw new MalformedMessage(400, 'A status must be between 100 and 599');
  let end = 12;
  while (end < text.length && FIELD_VALUE[text.charCodeAt(end)] === 1) end++;
  if (end - 12 > MAX_REASON_CHARACTERS) throw new MalformedMessage(400, 'Reason phrase too long');
  if (end + 1 >= text.length) return null;
  if (
    text.charCodeAt(end) !== CR ||
    text.charCodeAt(end + 1) !== LF ||
    (end > 12 && text.charCodeAt(12) !== SPACE)
  ) {
    throw new MalformedMessage(400, 'Malformed status line');
  }
  return {
    sent: text.slice(0, end + 2),
    status,
    reason: internedText(text, Math.min(13, end), end),
    httpVersion: minor === 1 ? '1.1' : '1.0',
    end: end + 2,
  };
}

function interpret(method: string, line: StatusLine, headers: HeaderList): IncomingResponse {
  const { status, reason, httpVersion } = line;
  let contentLength: string | null = null;
  let transferEncoding: string | null = null;
  let options: ReadonlySet<string> | null = null;
  let keepAliveSeconds: number | null = null;
  for (const [name, value] of headers) {
    switch (name.length) {
      case 10:
        if (isField(name, 'Connection')) options = connectionOptions(options, value);
        else if (isField(name, 'Keep-Alive')) keepAliveSeconds = timeoutIn(value);
        break;
      case 14:
        if (isField(name, 'Content-Length')) contentLength = single(contentLength, value, 'Content-Length');
        break;
      case 17:
        if (isField(name, 'Transfer-Encoding'))
          transferEncoding = single(transferEncoding, value, 'Transfer-Encoding');
        break;
    }
  }
  // HTTP/1.0 servers did not define it (RFC 9112, 6.1).
  if (transferEncoding !== null && httpVersion === '1.0')
    throw new MalformedMessage(400, 'HTTP/1.0 does not support Transfer-Encoding');
  const declared = declaredFraming(contentLength, transferEncoding);
  const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  return {
    status,
    reason,
    headers,
    httpVersion,
    framing: bodyless ? NO_BODY : (declared ?? UNTIL_CLOSE),
    keepAlive: httpVersion === '1.1' ? !options?.has('close') : (options?.has('keep-alive') ?? false),
    keepAliveSeconds,
    connectionOptions: options,
  };
}

const TIMEOUT = 'timeout=';
const MAX_SECONDS_DIGITS = 6;

/** The `timeout` of a Keep-Alive field (RFC 2068, 19.7.1.1), like `timeout=5, max=100`; null where it has none. */
function timeoutIn(value: string): number | null {
  const start = value.toLowerCase().indexOf(TIMEOUT);
  if (start === -1) return null;
  let seconds = 0;
  let position = start + TIMEOUT.length;
  const end = Math.min(value.length, position + MAX_SECONDS_DIGITS);
  const first = position;
  for (; position < end && DIGIT[value.charCodeAt(position)] === 1; position++)
    seconds = seconds * 10 + value.charCodeAt(position) - DIGIT_ZERO;
  return position === first ? null : seconds;
}
