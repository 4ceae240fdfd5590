import { expect, test } from 'bun:test';
import { Problem } from '../../errors/problem';
import { parseJson } from './json';

const read = (body: string | Uint8Array<ArrayBuffer>, type = 'application/json') =>
  new Response(body).arrayBuffer().then((bytes) => parseJson(bytes, type));
const refusal = async (reading: Promise<unknown>) =>
  reading.then(
    () => null,
    (failure: unknown) =>
      failure instanceof Problem ? [failure.status, failure.errors?.map(({ field }) => field)] : failure,
  );

test('JSON in UTF-8 is read', async () => {
  expect(await read('{"a":"é😀","b":"\\ud83d\\ude00"}', 'application/json; charset=UTF-8')).toEqual({
    a: 'é😀',
    b: '😀',
  });
});

test.each([
  [new Uint8Array([0x22, 0xff, 0x22]), 400],
  [new Uint8Array([0x22, 0xc3, 0x22]), 400],
  ['{"a":', 400],
  ['', 400],
])('bytes that are no UTF-8, or no JSON, are malformed (%#)', async (body, status) => {
  expect(await refusal(read(body))).toEqual([status, undefined]);
});

test.each(['application/json; charset=latin1', 'application/json;charset="utf-16"'])(
  '%s is refused',
  async (type) => {
    expect(await refusal(read('{}', type))).toEqual([415, undefined]);
  },
);

test('half of a character is refused with the name of its member', async () => {
  const body = '{"a":"\\ud800","list":["ok","\\udfff"],"deep":{"b":"x\\uD83D"},"\\ud800":1}';
  expect(await refusal(read(body))).toEqual([422, ['a', 'list.1', 'deep.b', 'body']]);
});

test.each([
  ['{"amount":"1","amount":"2"}', [422, ['body']]],
  ['[{"a":{"b":1,"b":1}}]', [422, ['body']]],
  ['{"a":1,"\\u0061":2}', [422, ['body']]],
  ['{"__proto__":1,"a":"\\"b\\":","c":[{"a":":"},{"a":"x\\\\"}],"d" : null}', 'taken'],
])('a member that stands twice in an object is refused: %s', async (body, expected) => {
  expect(await refusal(read(body).then(() => Promise.reject('taken')))).toEqual(expected);
});

test('half of a character is refused however deep it stands', async () => {
  const body = `${'['.repeat(500)}"\\ud800"${']'.repeat(500)}`;
  expect(await refusal(read(body))).toEqual([422, ['0']]);
});
