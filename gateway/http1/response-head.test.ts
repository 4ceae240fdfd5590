import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { MalformedMessage } from './malformed-message';
import { createResponseHeadReader } from './response-head';

const LIMITS = { fieldBytes: 16 * 1024, fieldCount: 100 };

function read(text: string, method = 'GET') {
  const reader = createResponseHeadReader(LIMITS);
  reader.expect(method);
  const response = reader.read(Buffer.from(text, 'latin1'), 0);
  return response && { ...response, consumed: reader.consumed };
}

describe('the end of a response is determined by its head', () => {
  test.each([
    ['GET', '200 OK\r\nContent-Length: 3', 'length'],
    ['GET', '200 OK\r\nTransfer-Encoding: chunked', 'chunked'],
    ['GET', '200 OK', 'until-close'],
    ['GET', '204 No Content', 'none'],
    ['GET', '304 Not Modified\r\nContent-Length: 3', 'none'],
    ['HEAD', '200 OK\r\nContent-Length: 3', 'none'],
    ['GET', '103 Early Hints', 'none'],
  ] as const)('%s %j', (method, head, kind) => {
    expect(read(`HTTP/1.1 ${head}\r\n\r\n`, method)?.framing.kind).toBe(kind);
  });
});

test('a status line may omit the reason phrase', () => {
  expect(read('HTTP/1.1 200\r\n\r\n')).toMatchObject({ status: 200, reason: '' });
});

test('an interim head is followed by the final one', () => {
  const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n';
  expect(read(text)).toMatchObject({ status: 100, consumed: 25 });
});

test.each([
  'HTTP/2 200 OK\r\n\r\n',
  'SSH-2.0-OpenSSH\r\n\r\n',
  'HTTP/1.1 20 OK\r\n\r\n',
  'HTTP/1.1 600 No\r\n\r\n',
  'HTTP/1.1 200 OK\nA: b\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
])('%j is rejected', (text) => {
  expect(() => read(text)).toThrow(MalformedMessage);
});

test('random bytes are parsed or rejected, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, plausible) => {
      const text = Buffer.from(bytes).toString('latin1');
      try {
        read(plausible ? `HTTP/1.1 200 OK\r\n${text}` : text);
      } catch (failure) {
        if (!(failure instanceof MalformedMessage)) throw failure;
      }
    }),
    { numRuns: 2_000 },
  );
});
