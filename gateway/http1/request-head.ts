import { connectionOptions, emptySection, isField, only, readFieldLines } from './field-lines';
import { declaredFraming, NO_BODY } from './framing';
import { MalformedMessage } from './malformed-message';
import type { HeaderList, HeadLimits, IncomingRequest } from './message';
import { emptyLineBefore, type RequestLine, readRequestLine } from './request-line';
import { isAuthority, originForm } from './target';

export interface RequestHeadReader {
  /**
   * Reads on at `offset`.
   *
   * @returns the request once its head is whole, null as long as it is not (then all bytes have been taken)
   * @throws MalformedMessage
   */
  read(bytes: Buffer, offset: number): IncomingRequest | null;
  /** Where the bytes behind the head begin, after `read` returned a request. */
  readonly consumed: number;
  /** Whether a part of a head has been read. */
  readonly started: boolean;
}

/** Reads request heads one after the other from one connection. Holds no more than one head within its limits. */
export function createRequestHeadReader(limits: HeadLimits): RequestHeadReader {
  const longestHead = limits.targetBytes + limits.fieldBytes + 64;
  let text = '';
  let emptyLineSkipped = false;
  let line: RequestLine | null = null;
  let section = emptySection();
  let consumed = 0;

  function readLines(): boolean {
    let position = 0;
    if (line === null) {
      if (!emptyLineSkipped) {
        const skipped = emptyLineBefore(text);
        if (skipped === null) return false;
        emptyLineSkipped = skipped > 0;
        position = skipped;
      }
      line = readRequestLine(text, position, limits.targetBytes);
      position = line?.end ?? position;
    }
    if (line !== null) position = readFieldLines(text, position, section, limits);
    if (position > 0) text = text.slice(position);
    return section.complete;
  }

  return {
    get consumed() {
      return consumed;
    },
    get started() {
      return text !== '' || line !== null;
    },
    read(bytes, offset) {
      const end = Math.min(bytes.length, offset + longestHead);
      text += bytes.toString('latin1', offset, end);
      const whole = readLines();
      if (!whole || line === null) {
        consumed = end;
        return null;
      }
      consumed = end - text.length;
      const request = interpret(line, section.fields);
      text = '';
      line = null;
      emptyLineSkipped = false;
      section = emptySection();
      return request;
    },
  };
}

/** What the lines mean together. */
function interpret(line: RequestLine, fields: HeaderList): IncomingRequest {
  let host: string | null = null;
  let contentLength: string | null = null;
  let transferEncoding: string | null = null;
  let expect: string | null = null;
  let upgrade: string | null = null;
  let options: ReadonlySet<string> | null = null;
  for (const [name, value] of fields) {
    // By length first: most names need not be compared at all.
    switch (name.length) {
      case 4:
        if (isField(name, 'Host')) host = only(host, value, 'Host');
        break;
      case 6:
        if (isField(name, 'Expect')) expect = only(expect, value, 'Expect');
        break;
      case 7:
        if (isField(name, 'Upgrade')) upgrade = value.toLowerCase();
        break;
      case 10:
        if (isField(name, 'Connection')) options = connectionOptions(options, value);
        break;
      case 14:
        if (isField(name, 'Content-Length')) contentLength = only(contentLength, value, 'Content-Length');
        break;
      case 17:
        if (isField(name, 'Transfer-Encoding'))
          transferEncoding = only(transferEncoding, value, 'Transfer-Encoding');
        break;
    }
  }
  const { method, httpVersion } = line;
  const target = originForm(method, line.target);
  if (host === null && httpVersion === '1.1') throw new MalformedMessage(400, 'The Host header is missing');
  if (host !== null && !isAuthority(host)) throw new MalformedMessage(400, 'The Host header is malformed');
  if (transferEncoding !== null && httpVersion === '1.0') {
    throw new MalformedMessage(400, 'HTTP/1.0 knows no Transfer-Encoding');
  }
  if (expect !== null && expect.toLowerCase() !== '100-continue') {
    throw new MalformedMessage(417, 'The only expectation known here is 100-continue');
  }
  const framing = declaredFraming(contentLength, transferEncoding) ?? NO_BODY;
  return {
    head: { method, target: target.path, httpVersion, headers: fields },
    framing,
    // RFC 9112, 3.2.2: an absolute-form target overrides Host.
    host: target.authority ?? host,
    keepAlive: httpVersion === '1.1' ? !options?.has('close') : (options?.has('keep-alive') ?? false),
    expectsContinue: expect !== null && httpVersion === '1.1' && framing !== NO_BODY,
    upgradesToWebSocket:
      upgrade === 'websocket' &&
      method === 'GET' &&
      httpVersion === '1.1' &&
      framing === NO_BODY &&
      hasUpgrade(options),
    connectionOptions: options,
  };
}

const hasUpgrade = (options: ReadonlySet<string> | null) => options?.has('upgrade') ?? false;
