import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Problem } from '../../errors/problem';
import { type FormFields, parseForm, parseMultipart } from './form';

const FORM = 'application/x-www-form-urlencoded';
const bytesOf = (text: string, encoding: BufferEncoding = 'utf8') =>
  new Uint8Array(Buffer.from(text, encoding)).buffer;
const parse = (text: string, type = FORM) => parseForm(bytesOf(text), type);
const statusOf = (parsing: () => FormFields) => {
  try {
    return parsing();
  } catch (failure) {
    return failure instanceof Problem ? failure.status : failure;
  }
};

test('any text passes a form unchanged, and a repeated field has all its values', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 5 }), (pairs) => {
      const sent = new URLSearchParams(pairs.filter(([name, value]) => name !== '' || value !== ''));
      const expected = Object.fromEntries(
        [...new Set(sent.keys())].map((name) => {
          const values = sent.getAll(name);
          return [name, values.length === 1 ? (values[0] ?? '') : values];
        }),
      );
      expect({ ...parse(String(sent)) }).toEqual(expected);
    }),
  );
});

test.each(['a=%ff', '%ff=a', 'a=%ed%a0%80', 'a=%zz', 'a=%'])('%s is malformed', (text) =>
  expect(statusOf(() => parse(text))).toBe(400),
);

test('raw bytes that are no UTF-8 are malformed, another charset is not supported', () => {
  expect(statusOf(() => parseForm(bytesOf('a=\xff', 'latin1'), FORM))).toBe(400);
  expect(statusOf(() => parse('a=b', `${FORM}; charset=latin1`))).toBe(415);
});

test('the fields of a multipart form are read like those of the other kind; a file is refused', async () => {
  const encoded = async (fill: (form: FormData) => void) => {
    const form = new FormData();
    fill(form);
    const request = new Request('http://localhost/', { method: 'POST', body: form });
    const type = request.headers.get('content-type') ?? '';
    return parseMultipart(await request.arrayBuffer(), type);
  };
  const fields = await encoded((form) => {
    form.append('a', 'é');
    form.append('b', '1');
    form.append('b', '2');
  });
  expect({ ...fields }).toEqual({ a: 'é', b: ['1', '2'] });
  const failure: unknown = await encoded((form) => form.append('a', new File(['x'], 'a.txt'))).catch(
    (reason: unknown) => reason,
  );
  expect(failure).toMatchObject({ status: 422, errors: [{ field: 'a' }] });
});

test('a form of more fields than any has is refused, however they are named', () => {
  expect(statusOf(() => parse('a=1&'.repeat(300_000)))).toBe(422);
  expect(statusOf(() => parse('&'.repeat(1_000_000)))).toBe(422);
  expect({ ...parse(Array.from({ length: 1_000 }, (_, index) => `a=${index}`).join('&')) }).toEqual({
    a: Array.from({ length: 1_000 }, (_, index) => String(index)),
  });
});
