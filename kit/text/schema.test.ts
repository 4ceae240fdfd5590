import { expect, test } from 'bun:test';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { Elysia } from 'elysia';
import { lineOfText, text } from './schema';

const name = TypeCompiler.Compile(text({ max: 10 }));
const password = TypeCompiler.Compile(text({ min: 8, max: 256 }));
const line = TypeCompiler.Compile(lineOfText({ min: 0, max: 10 }));
/** U+1D160 takes two code units as it is, and six in NFC. */
const short = TypeCompiler.Compile(text({ max: 10, maxUnits: 20 }));
const note = TypeCompiler.Compile(text({ min: 0, max: 10 }));

test.each([
  [name, 'Ada', true],
  [name, '👨‍👩‍👧‍👦'.repeat(7), true],
  [name, 'a'.repeat(11), false],
  [name, `a${'\u0301'.repeat(200)}`, false],
  [name, '', false],
  [name, '\u3164', false],
  [name, 'a\u0000', false],
  [name, '\ud800', false],
  [password, '😀😁😂🤣', false],
  [password, '😀'.repeat(256), true],
  [password, '😀'.repeat(257), false],
  [note, '', true],
  [note, ' ', true],
  [note, 'a\r\nb', true],
  [name, `a${'\u0344'.repeat(50)}`, false],
  [name, '\u{1d160}'.repeat(10), true],
  [line, 'a b', true],
  [line, '', true],
  [line, 'a\nb', false],
  [line, 'a\rb', false],
  [line, 'a\tb', false],
  [line, 'a\u2028b', false],
  [line, 'a\u0085b', false],
  [line, '👨‍👩‍👧‍👦'.repeat(7), true],
  [line, 'a'.repeat(11), false],
  [note, 'a\r\nb\rc', true],
  [short, '\u{1d160}'.repeat(3), true],
  [short, '\u{1d160}'.repeat(4), false],
])('%#', (schema, value, isValid) => expect(schema.Check(value)).toBe(isValid));

test('routes apply the same rule', async () => {
  const app = new Elysia().post('/', ({ body }) => body, { body: text({ max: 2 }), parse: 'text' });
  const post = (body: string) =>
    app.handle(
      new Request('http://localhost/', { method: 'POST', body, headers: { 'content-type': 'text/plain' } }),
    );
  expect((await post('ab')).status).toBe(200);
  expect((await post('\u3164')).status).toBe(422);
});
