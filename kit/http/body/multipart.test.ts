import { describe, expect, test } from 'bun:test';
import { BodyTooLarge, MalformedBody, Problem, UnsupportedMediaType } from '../../errors/problem';
import { type MultipartOptions, readMultipart } from './multipart';

const TYPE = 'multipart/form-data; boundary=x';
const field = (name: string, value: string) =>
  `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const fileHead = (name = 'file', fileName = 'a.txt') =>
  `--x\r\ncontent-disposition: form-data; name="${name}"; filename="${fileName}"\r\ncontent-type: text/csv\r\n\r\n`;
const END = '--x--\r\n';

const read = (body: BodyInit | null, options: Partial<MultipartOptions> = {}, type = TYPE) =>
  readMultipart(
    new Request('http://localhost/', { method: 'POST', body, headers: { 'content-type': type } }),
    { fileField: 'file', maxFields: 3, ...options },
  );

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of bytes) text += decoder.decode(piece, { stream: true });
  return text;
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no problem',
    (failure: unknown) => (failure instanceof Problem ? failure.code : String(failure)),
  );

describe('a form with one file', () => {
  test('gives the fields in front of the file with it, and all fields once it is complete', async () => {
    const form = read(
      `${field('tag', 'one')}${field('tag', 'two')}${fileHead()}content\r\n${field('late', 'three')}${END}`,
    );
    const file = await form.file;
    expect([file.fileName, file.contentType]).toEqual(['a.txt', 'text/csv']);
    expect(form.fields.get('tag')).toEqual(['one', 'two']);
    expect(await textOf(file.bytes)).toBe('content');
    await form.complete;
    expect(form.fields.get('late')).toEqual(['three']);
  });

  test.each<[string, string, string, Partial<MultipartOptions>]>([
    ['a file in another field', `${fileHead('other')}content\r\n`, 'other', {}],
    ['a second file', `${fileHead()}content\r\n${fileHead()}content\r\n`, 'file', {}],
    ['a file where none belongs', `${fileHead()}content\r\n`, 'file', { fileField: null }],
    ['an unknown field', `${field('visiblity', 'public')}${fileHead()}content\r\n`, 'visiblity', {}],
    ['an unknown field behind the file', `${fileHead()}content\r\n${field('note', '')}`, 'note', {}],
    ['a name that cannot be a field', field('<script>', 'x'), 'body', {}],
    ['a field without a name', '--x\r\ncontent-disposition: form-data\r\n\r\nx\r\n', 'body', {}],
    ['a repeated single field', `${field('one', '1')}${field('one', '2')}`, 'one', {}],
    ['more fields than the limit', field('many', 'x').repeat(4), 'body', {}],
    ['a field beyond the size limit', field('one', 'x'.repeat(5_000)), 'one', {}],
  ])('is refused whole with %s', async (_what, body, named, options) => {
    const form = read(`${body}${END}`, { fields: { one: 'once', many: 'repeated' }, ...options });
    form.file.then(({ bytes }) => textOf(bytes).catch(() => undefined)).catch(() => undefined);
    const failure: unknown = await form.complete.catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ code: 'request.invalid', errors: [{ field: named }] });
  });

  test.each([
    ['a value', Buffer.from(field('one', '\xff'), 'latin1')],
    ['half of a character', Buffer.from(field('one', '\xed\xa0\x80'), 'latin1')],
    ['a name', Buffer.from(field('\xff', 'x'), 'latin1')],
    ['a file name', Buffer.from(`${fileHead('file', '\xff.txt')}x\r\n`, 'latin1')],
  ])('is malformed when %s is no UTF-8', async (_what, body) => {
    const form = read(Buffer.concat([body, Buffer.from(END)]), { fields: { one: 'once' } });
    expect(await codeOf(form.complete)).toBe('request.malformed');
  });

  test('is not read ahead of its consumer', async () => {
    const piece = new Uint8Array(64 * 1024);
    let pulled = 0;
    const form = read(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(fileHead())),
        pull(controller) {
          if (pulled++ < 1_000) controller.enqueue(piece);
          else controller.close();
        },
      }),
    );
    const file = await form.file;
    await Bun.sleep(50);
    expect(pulled).toBeLessThan(10);
    form.abort(new Error('enough'));
    expect(await codeOf(form.complete)).toBe('Error: enough');
    expect(await codeOf(textOf(file.bytes))).toBe('Error: enough');
  });
});

describe('a request is refused', () => {
  test('as an unsupported media type unless it is a form', () => {
    for (const type of [
      'application/json',
      'multipart/form-data',
      'multipart/form-datax; boundary=x',
      'multipart/mixed; boundary=x',
    ])
      expect(() => read(END, {}, type)).toThrow(UnsupportedMediaType);
  });

  test('as malformed without a body or a boundary, or when the form breaks off', async () => {
    expect(() => read(null)).toThrow(MalformedBody);
    expect(() => read(END, {}, 'multipart/form-data; a=b')).toThrow(MalformedBody);
    expect(await codeOf(read('nothing of the kind').file)).toBe('request.malformed');
    expect(await codeOf(read(field('a', 'b')).file)).toBe('request.malformed');
    const form = read(`${fileHead()}content`);
    expect(await codeOf(form.file.then(({ bytes }) => textOf(bytes)))).toBe('request.malformed');
    expect(await codeOf(form.complete)).toBe('request.malformed');
  });

  test('as invalid when a complete form holds no file', async () => {
    const form = read(`${field('a', 'b')}${END}`);
    expect(await codeOf(form.file)).toBe('request.invalid');
    await form.complete;
  });

  test('with the reason of the consumer or of the body, whichever ends it', async () => {
    const failing = (failure: Error) =>
      read(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(`${fileHead()}content`)),
          pull: (controller) => controller.error(failure),
        }),
      );
    for (const [failure, code] of [
      [new BodyTooLarge(), 'request.too-large'],
      [new Error('connection reset'), 'request.malformed'],
    ] as const) {
      const form = failing(failure);
      expect(await codeOf(form.file.then(({ bytes }) => textOf(bytes)))).toBe(code);
      expect(await codeOf(form.complete)).toBe(code);
    }
  });
});
