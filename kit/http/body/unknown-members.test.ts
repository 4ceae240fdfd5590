import { expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { unknownMembers } from './unknown-members';

const Order = Type.Object({
  id: Type.String(),
  note: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  items: Type.Array(Type.Object({ price: Type.String() })),
  labels: Type.Record(Type.String(), Type.Object({ text: Type.String() })),
  free: Type.Object({}, { additionalProperties: true }),
  limit: Type.Optional(t.Integer()),
});

test.each([
  [
    { id: 'a', note: null, items: [{ price: '1' }], labels: { x: { text: '' } }, free: { any: 1 }, limit: 5 },
    [],
  ],
  [{ id: 'a', prise: 1 }, [['prise']]],
  [{ items: [{ price: '1' }, { prise: '1' }] }, [['items', '1', 'prise']]],
  [{ labels: { x: { txt: '' } } }, [['labels', 'x', 'txt']]],
  [{ constructor: 1, __proto__: null }, [['constructor']]],
  ['no object', []],
])('%j', (value, unknown) => expect(unknownMembers(Order, value)).toEqual(unknown));

test('alternatives: the one that leaves the fewest unknown members counts', () => {
  const Either = Type.Union([
    Type.Object({ a: Type.String() }),
    Type.Object({ a: Type.String(), b: Type.String() }),
  ]);
  expect(unknownMembers(Either, { a: '', b: '' })).toEqual([]);
  expect(unknownMembers(Either, { a: '', c: '' })).toEqual([['c']]);
});

test('intersections: each part may name a member', () => {
  const Both = Type.Intersect([Type.Object({ a: Type.String() }), Type.Object({ b: Type.String() })]);
  expect(unknownMembers(Both, { a: '', b: '' })).toEqual([]);
  expect(unknownMembers(Both, { a: '', b: '', c: '' })).toEqual([['c']]);
});
