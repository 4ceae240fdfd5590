import { connectionOptions, isField, single } from './field-lines';
import { declaredFraming, type Framing, NO_BODY } from './framing';
import { MalformedMessage } from './malformed-message';
import type { DerivedText, HeaderList, IncomingRequest } from './message';
import type { RequestLine } from './request-line';
import { isAuthority, originForm } from './target';

/** What the header section of a request says about its message, whatever its request line is. */
export interface RequestSection {
  readonly fields: HeaderList;
  readonly host: string | null;
  readonly isHostValid: boolean;
  readonly contentLength: string | null;
  readonly transferEncoding: string | null;
  readonly expect: string | null;
  readonly upgrade: string | null;
  readonly options: ReadonlySet<string> | null;
}

/** @throws MalformedMessage when a field is repeated that must not be */
export function sectionOf(fields: HeaderList): RequestSection {
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
  const isHostValid = host !== null && isAuthority(host);
  return { fields, host, isHostValid, contentLength, transferEncoding, expect, upgrade, options };
}

/**
 * Interprets a complete head.
 *
 * @param derived where the section is the one of an earlier request: what was derived from it
 * @throws MalformedMessage
 */
export function requestOf(
  line: RequestLine,
  section: RequestSection,
  derived?: DerivedText,
): IncomingRequest {
  const { method, httpVersion } = line;
  const { host, expect, upgrade, options } = section;
  const target = originForm(method, line.target);
  if (host === null && httpVersion === '1.1') throw new MalformedMessage(400, 'Missing Host header');
  if (host !== null && !section.isHostValid) throw new MalformedMessage(400, 'Malformed Host header');
  if (section.transferEncoding !== null && httpVersion === '1.0') {
    throw new MalformedMessage(400, 'HTTP/1.0 does not support Transfer-Encoding');
  }
  if (expect !== null && expect.toLowerCase() !== '100-continue') {
    throw new MalformedMessage(417, 'The only supported expectation is 100-continue');
  }
  const framing = framingOf(section);
  const request = {
    head: { method, target: target.path, httpVersion, headers: section.fields },
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
  return derived === undefined ? request : { ...request, derived };
}

const framingOf = ({ contentLength, transferEncoding }: RequestSection): Framing =>
  contentLength === null && transferEncoding === null
    ? NO_BODY
    : (declaredFraming(contentLength, transferEncoding) ?? NO_BODY);

const hasUpgrade = (options: ReadonlySet<string> | null) => options?.has('upgrade') ?? false;
