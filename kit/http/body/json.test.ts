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
  const within = (levels: number) => `${'['.repeat(levels)}"\\ud800"${']'.repeat(levels)}`;
  expect(await refusal(read(within(90)))).toEqual([422, [Array(90).fill('0').join('.')]]);
  expect(await refusal(read(within(500)))).toEqual([422, ['body']]);
});

test.each([
  ['['.repeat(101) + ']'.repeat(101), 'At most 100 levels'],
  [`${'{"a":'.repeat(101)}1${'}'.repeat(101)}`, 'At most 100 levels'],
  ['['.repeat(500_000), 'At most 100 levels'],
  [`[${'[],'.repeat(10_000)}1]`, 'At most 20000 values'],
  [`[${'"",'.repeat(20_000)}1]`, 'At most 20000 values'],
])('more than anybody needs is refused before it is parsed (%#)', async (body, message) => {
  const failure = await read(body).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(failure instanceof Problem ? [failure.status, failure.errors] : failure).toEqual([
    422,
    [{ field: 'body', message }],
  ]);
});

test('what a text holds is not counted, and the most that is allowed is read', async () => {
  const texts = Array.from({ length: 19_000 }, () => '[{,"\\');
  expect(await read(JSON.stringify(texts))).toEqual(texts);
  const deep = `${'['.repeat(100)}${']'.repeat(100)}`;
  expect(JSON.stringify(await read(deep))).toBe(deep);
});
