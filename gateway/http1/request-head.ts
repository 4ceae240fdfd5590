import { connectionOptions, emptySection, isField, readFieldLines, single } from './field-lines';
import { declaredFraming, NO_BODY } from './framing';
import { MalformedMessage } from './malformed-message';
import type { HeaderList, HeadLimits, IncomingRequest } from './message';
import { emptyLineBefore, type RequestLine, readRequestLine } from './request-line';
import { isAuthority, originForm } from './target';

export interface RequestHeadReader {
  /**
   * Reads from `offset`.
   *
   * @returns the request once its head is complete, else null (then all bytes have been consumed)
   * @throws MalformedMessage
   */
  read(bytes: Buffer, offset: number): IncomingRequest | null;
  /** Position after the head, once `read` has returned a request. */
  readonly consumed: number;
  /** Whether part of a head has been read. */
  readonly started: boolean;
}

/** Reads successive request heads from one connection. Buffers at most one head within its limits. */
export function createRequestHeadReader(limits: HeadLimits): RequestHeadReader {
  const maxHeadBytes = limits.targetBytes + limits.fieldBytes + 64;
  let text = '';
  let emptyLineSkipped = false;
  let line: RequestLine | null = null;
  let section = emptySection(limits);
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
    if (line !== null) position = readFieldLines(text, position, section);
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
      const end = Math.min(bytes.length, offset + maxHeadBytes);
      text += bytes.toString('latin1', offset, end);
      const isComplete = readLines();
      if (!isComplete || line === null) {
        consumed = end;
        return null;
      }
      consumed = end - text.length;
      const request = interpret(line, section.fields);
      text = '';
      line = null;
      emptyLineSkipped = false;
      section = emptySection(limits);
      return request;
    },
  };
}

/** Interprets the lines of a complete head. */
function interpret(line: RequestLine, fields: HeaderList): IncomingRequest {
  let host: string | null = null;
  let contentLength: string | null = null;
  let transferEncoding: string | null = null;
  let expect: string | null = null;
  let upgrade: string | null = null;
  let options: ReadonlySet<string> | null = null;
  for (const [name, value] of fields) {
    // By length first: most names need no comparison.
    switch (name.length) {
      case 4:
        if (isField(name, 'Host')) host = single(host, value, 'Host');
        break;
      case 6:
        if (isField(name, 'Expect')) expect = single(expect, value, 'Expect');
        break;
      case 7:
        if (isField(name, 'Upgrade')) upgrade = value.toLowerCase();
        break;
      case 10:
        if (isField(name, 'Connection')) options = connectionOptions(options, value);
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
  const { method, httpVersion } = line;
  const target = originForm(method, line.target);
  if (host === null && httpVersion === '1.1') throw new MalformedMessage(400, 'Missing Host header');
  if (host !== null && !isAuthority(host)) throw new MalformedMessage(400, 'Malformed Host header');
  if (transferEncoding !== null && httpVersion === '1.0') {
    throw new MalformedMessage(400, 'HTTP/1.0 does not support Transfer-Encoding');
  }
  if (expect !== null && expect.toLowerCase() !== '100-continue') {
    throw new MalformedMessage(417, 'The only supported expectation is 100-continue');
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
