import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { createResponseReader } from './response-reader';

const withLength = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{"items":1}';
const chunked =
  'HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\nRetry-After: 3\r\n\r\n5\r\n{"ite\r\n6\r\nms":1}\r\n0\r\n\r\n';
const empty = 'HTTP/1.1 204 No Content\r\n\r\n';

/** Adds a response in pieces that end at the given places. */
function read(response: string, cuts: readonly number[]) {
  const reader = createResponseReader();
  const ends = [...new Set(cuts.map((cut) => cut % response.length))].filter((cut) => cut > 0);
  const pieces = [...ends.toSorted((one, other) => one - other), response.length];
  const completed = pieces.map((end, index) =>
    reader.add(Buffer.from(response.slice(pieces[index - 1] ?? 0, end))),
  );
  return { reader, completed };
}

test('a response is complete with its last byte, however it was split', () => {
  const cuts = fc.array(fc.nat(1_000), { maxLength: 10 });
  fc.assert(
    fc.property(fc.constantFrom(withLength, chunked, empty), cuts, (response, places) => {
      const { reader, completed } = read(response, places);
      expect(completed.lastIndexOf(true)).toBe(completed.length - 1);
      expect(completed.indexOf(true)).toBe(completed.length - 1);
      expect(reader.body()).toBe(response === empty ? '' : '{"items":1}');
    }),
  );
});

test('reads status, header fields, and whether the connection ends', () => {
  const { reader } = read(withLength, []);
  expect([reader.status(), reader.isLast(), reader.header('retry-after')]).toEqual([200, true, undefined]);
  const other = read(chunked, []).reader;
  expect([other.status(), other.isLast(), other.header('retry-after')]).toEqual([201, false, '3']);
});

test('reads one response after the other', () => {
  const reader = createResponseReader();
  for (const response of [withLength, chunked, empty, withLength]) {
    expect(reader.add(Buffer.from(response))).toBe(true);
    reader.reset();
  }
});

test('refuses what is no response, and more than one', () => {
  expect(() => createResponseReader().add(Buffer.from('HTTP/1.0 200 OK\r\n\r\n'))).toThrow('HTTP/1.1');
  expect(() => createResponseReader().add(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'))).toThrow('length');
  expect(() => createResponseReader().add(Buffer.from(`${withLength}x`))).toThrow('More');
});
