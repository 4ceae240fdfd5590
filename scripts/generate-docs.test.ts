import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Timestamp, Uuid } from '#contracts/messages';
import { fieldsOf } from './docs/describe-schema';
import { generateDocs } from './generate-docs';

test('the committed pages match the contracts and the error definitions (else run `make docs`)', async () => {
  for (const [path, text] of Object.entries(await generateDocs()))
    expect(await Bun.file(join(import.meta.dir, '..', path)).text()).toBe(text);
});

test('fields are listed with their bounds, those in lists and alternatives included', () => {
  const schema = Type.Object({
    to: Type.Union([Type.Object({ user_id: Uuid }), Type.Null()]),
    posts: Type.Array(Type.Object({ text: Type.String({ minLength: 1, maxLength: 9 }) }), { maxItems: 3 }),
    at: Type.Optional(Timestamp),
    kind: Type.Union([Type.Literal('a'), Type.Literal('b')]),
    count: Type.Integer({ minimum: 0 }),
  });
  expect(
    fieldsOf(schema).map(({ path, type, required }) => `${path}: ${type}${required ? '' : ' (optional)'}`),
  ).toEqual([
    'to: object or null',
    'to.user_id: UUID',
    'posts: list of object, at most 3',
    'posts[].text: text, 1 to 9 characters',
    'at: time (ISO 8601, UTC, milliseconds) (optional)',
    'kind: `"a"` or `"b"`',
    'count: integer, at least 0',
  ]);
});
