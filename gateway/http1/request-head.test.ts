import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { MalformedMessage } from './malformed-message';
import type { IncomingRequest } from './message';
import { createRequestHeadReader, type RequestHeadReader } from './request-head';

const LIMITS = { targetBytes: 8 * 1024, fieldBytes: 16 * 1024, fieldCount: 100 };

type Verdict = { request: IncomingRequest; rest: string } | { refused: number } | 'incomplete';

/** The result of reading a head that arrives in these parts. */
function verdictOn(pieces: readonly string[]): Verdict {
  const reader = createRequestHeadReader(LIMITS);
  for (const [index, piece] of pieces.entries()) {
    const bytes = Buffer.from(piece, 'latin1');
    try {
      const request = reader.read(bytes, 0);
      if (request === null) continue;
      const rest = bytes.toString('latin1', reader.consumed) + pieces.slice(index + 1).join('');
      return { request, rest };
    } catch (failure) {
      if (failure instanceof MalformedMessage) return { refused: failure.status };
      throw failure;
    }
  }
  return 'incomplete';
}

/** The result of reading what arrives in one packet, without what was kept for the requests that follow. */
function readWith(reader: RequestHeadReader, bytes: Buffer) {
  try {
    const request = reader.read(bytes, 0);
    if (request === null) return 'incomplete';
    const { derived: _, ...own } = request;
    return { request: own, consumed: reader.consumed };
  } catch (failure) {
    if (failure instanceof MalformedMessage) return failure.message;
    throw failure;
  }
}

const read = (text: string) => verdictOn([text]);
function accepted(text: string): IncomingRequest {
  const verdict = read(text);
  if (verdict === 'incomplete' || 'refused' in verdict)
    throw new Error(`not accepted: ${JSON.stringify(verdict)}`);
  return verdict.request;
}
const withFields = (...lines: string[]) =>
  `GET / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

describe('a valid request head (RFC 9112) is parsed', () => {
  test('with names as sent and values without surrounding whitespace', () => {
    const { head } = accepted(
      'GET /a?b=1 HTTP/1.1\r\nHost: a.example:80\r\nX-One:  two \t\r\nEmpty:\r\n\r\n',
    );
    expect(head).toEqual({
      method: 'GET',
      target: '/a?b=1',
      httpVersion: '1.1',
      headers: [
        ['Host', 'a.example:80', 'Host: a.example:80\r\n'],
        ['X-One', 'two', 'X-One: two\r\n'],
        ['Empty', '', 'Empty: \r\n'],
      ],
    });
  });

  test('from absolute-form, whose authority overrides Host', () => {
    const request = accepted('GET HTTP://b.example?q HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(request.head.target).toBe('/?q');
    expect(request.host).toBe('b.example');
  });

  test('with an asterisk for OPTIONS', () => {
    expect(accepted('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n').head.target).toBe('*');
  });

  test('after one empty line', () => {
    expect(accepted(`\r\n${withFields()}`).head.method).toBe('GET');
  });

  test('and does not consume what follows', () => {
    expect(read(`${withFields()}rest`)).toMatchObject({ rest: 'rest' });
  });

  test.each([
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', true],
    ['GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n', false],
    ['GET / HTTP/1.0\r\n\r\n', false],
    ['GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', true],
  ])('with keep-alive: %j', (text, keepAlive) => {
    expect(accepted(text).keepAlive).toBe(keepAlive);
  });

  test('with an IPv6 address as host', () => {
    expect(accepted('GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n').host).toBe('[::1]:8080');
  });
});

describe('ambiguous or malformed heads are rejected', () => {
  test.each<[string, string, number]>([
    ['a bare LF after a header', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n', 400],
    ['a bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
    ['a bare CR in a value', withFields('X: a\rb'), 400],
    ['a bare CR before the end', 'GET / HTTP/1.1\r\nHost: a\r\n\rx', 400],
    ['a folded line', withFields('X: a', ' b'), 400],
    ['a space before the colon', withFields('X : a'), 400],
    ['a line without a colon', withFields('X'), 400],
    ['an empty name', withFields(': a'), 400],
    ['a NUL in a value', withFields('X: a\0b'), 400],
    ['a DEL in a value', withFields('X: a\x7fb'), 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', withFields('Host: a'), 400],
    ['a Host with a space', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['a Host with user information', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
    ['two Content-Lengths, even if equal', withFields('Content-Length: 1', 'Content-Length: 1'), 400],
    ['a list as Content-Length', withFields('Content-Length: 1, 1'), 400],
    ['a sign in Content-Length', withFields('Content-Length: +1'), 400],
    ['a hexadecimal Content-Length', withFields('Content-Length: 0x1'), 400],
    ['an empty Content-Length', withFields('Content-Length:'), 400],
    ['an unlimited Content-Length', withFields(`Content-Length: ${'9'.repeat(20)}`), 400],
    ['both framings', withFields('Content-Length: 1', 'Transfer-Encoding: chunked'), 400],
    ['two Transfer-Encodings', withFields('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 400],
    ['a last coding that is not chunked', withFields('Transfer-Encoding: chunked, identity'), 400],
    ['a coding besides chunked', withFields('Transfer-Encoding: gzip, chunked'), 501],
    ['an unknown coding', withFields('Transfer-Encoding: xchunked'), 400],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 505],
    ['HTTP/0.9', 'GET /\r\n', 400],
    ['a version in lower case', 'GET / http/1.1\r\n', 400],
    ['two spaces', 'GET  / HTTP/1.1\r\n', 400],
    ['a control character in the target', 'GET /\x01 HTTP/1.1\r\n', 400],
    ['a byte above 127 in the target', 'GET /\xe4 HTTP/1.1\r\n', 400],
    ['a fragment', 'GET /#a HTTP/1.1\r\n', 400],
    ['a backslash', 'GET /\\a HTTP/1.1\r\n', 400],
    ['a target without a slash', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['an asterisk for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['an absolute target with user information', 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a method that is not a token', 'G(T / HTTP/1.1\r\n', 400],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01', 400],
    ['a long target', `GET /${'a'.repeat(8 * 1024)} HTTP/1.1\r\n`, 414],
    ['a long header section', withFields(`X: ${'a'.repeat(16 * 1024)}`), 431],
    ['a long header section without an end', `GET / HTTP/1.1\r\nX: ${'a'.repeat(16 * 1024)}`, 431],
    ['many headers', withFields(...Array.from({ length: 101 }, () => 'X: a')), 431],
    ['another expectation', withFields('Expect: 200-ok'), 417],
  ])('%s', (_, text, status) => {
    expect(read(text)).toEqual({ refused: status });
  });
});

const pieceSizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });

/** Splits a text into parts of these sizes, repeatedly. */
function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let position = 0, index = 0; position < text.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    pieces.push(text.slice(position, position + size));
    position += size;
  }
  return pieces;
}

const SAMPLES = [
  withFields('Content-Length: 5', 'X-Some: thing'),
  'GET http://b.example/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nnext',
  `\r\n${withFields('Transfer-Encoding: chunked')}`,
  withFields('X: a\rb'),
  'GET / HTTP/1.1\nHost: a\r\n\r\n',
  withFields('Host: a', 'Content-Length: x'),
  'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n',
];
const sample = fc.constantFrom(...SAMPLES);
const HOSTILE = [
  '\r',
  '\n',
  '\0',
  ' ',
  '\t',
  ':',
  '\x7f',
  '\xff',
  ',',
  ';',
  'Host: b\r\n',
  'Content-Length: 3\r\n',
  '\r\n',
  '\r\n\r\n',
];
const mutation = fc.record({
  place: fc.nat(200),
  removed: fc.nat(3),
  inserted: fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 4, unit: 'binary-ascii' })),
});

function mutated(
  text: string,
  mutations: readonly { place: number; removed: number; inserted: string }[],
): string {
  let result = text;
  for (const { place, removed, inserted } of mutations) {
    const at = place % (result.length + 1);
    result = result.slice(0, at) + inserted + result.slice(at + removed);
  }
  return result;
}

test('a header section that comes again is not parsed again', () => {
  const reader = createRequestHeadReader(LIMITS);
  const requests = ['/1', '/2', '/3', '/4'].map((target) =>
    reader.read(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n`), 0),
  );
  const [, second, third, fourth] = requests;
  expect(requests.map((request) => request?.head.target)).toEqual(['/1', '/2', '/3', '/4']);
  expect(third?.head.headers).toBe(second?.head.headers);
  expect(fourth?.derived).toBe(third?.derived);
  expect(fourth?.derived).toBeDefined();
});

describe('arbitrary bytes', () => {
  test('give the same result for every split into packets', () => {
    fc.assert(
      fc.property(sample, fc.array(mutation, { maxLength: 4 }), pieceSizes, (text, mutations, sizes) => {
        const whole = mutated(text, mutations);
        expect(verdictOn(cut(whole, sizes))).toEqual(verdictOn([whole]));
      }),
      { numRuns: 3_000 },
    );
  });

  test('give the same result after other heads on the same connection, repeated or nearly', () => {
    fc.assert(
      fc.property(sample, fc.array(mutation, { maxLength: 2 }), fc.nat(3), (text, mutations, repeats) => {
        const reader = createRequestHeadReader(LIMITS);
        const readAfter = (head: string) => readWith(reader, Buffer.from(head, 'latin1'));
        // The section is kept at its second occurrence, and compared from the third on.
        for (let repeat = 0; repeat < 2 + repeats; repeat++)
          if (typeof readAfter(text) === 'string' || reader.started) return;
        const next = mutated(text, mutations);
        expect(readAfter(next)).toEqual(
          readWith(createRequestHeadReader(LIMITS), Buffer.from(next, 'latin1')),
        );
      }),
      { numRuns: 3_000 },
    );
  });

  test('are parsed or rejected, nothing else', () => {
    const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array).toString('latin1'));
    fc.assert(
      fc.property(bytes, pieceSizes, (text, sizes) => {
        verdictOn(cut(text, sizes));
      }),
      { numRuns: 2_000 },
    );
  });

  test('never yield a line break in a field, nor more than one framing', () => {
    fc.assert(
      fc.property(sample, fc.array(mutation, { minLength: 1, maxLength: 5 }), (text, mutations) => {
        const verdict = read(mutated(text, mutations));
        if (verdict === 'incomplete' || 'refused' in verdict) return;
        const { head } = verdict.request;
        const texts = [head.method, head.target, ...head.headers.flatMap((line) => line.slice(0, 2))];
        expect(head.headers.every(([name, value, line]) => line === `${name}: ${value}\r\n`)).toBe(true);
        expect(texts.some((part) => /[\r\n\0]/.test(part))).toBe(false);
        const framings = head.headers.filter(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
        expect(framings.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 3_000 },
    );
  });
});
