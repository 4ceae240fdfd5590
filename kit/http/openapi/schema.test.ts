import { expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import { calendarDate, nullable } from '../schemas';
import { documentedSchema } from './schema';

const ordinary = (schema: unknown) => JSON.parse(JSON.stringify(documentedSchema(schema)));

test('a value that the framework also accepts as text has the type it has in JSON', () => {
  expect(ordinary(t.Integer({ minimum: 1, description: 'Items' }))).toEqual({
    type: 'integer',
    minimum: 1,
    description: 'Items',
  });
  expect(ordinary(t.Numeric())).toEqual({ type: 'number' });
  expect(ordinary(t.BooleanString({ description: 'Whether' }))).toEqual({
    type: 'boolean',
    description: 'Whether',
  });
  expect(ordinary(t.ArrayQuery(Type.Integer()))).toMatchObject({ type: 'array', items: { type: 'integer' } });
});

test('constants become a list of values, other alternatives remain', () => {
  expect(ordinary(Type.Union([Type.Literal('a'), Type.Literal('b')], { default: 'a' }))).toEqual({
    type: 'string',
    enum: ['a', 'b'],
    default: 'a',
  });
  expect(ordinary(nullable(Type.String()))).toEqual({ anyOf: [{ type: 'string' }, { type: 'null' }] });
  const described = Type.Union([Type.Literal('a', { description: 'First' }), Type.Literal('b')]);
  expect(ordinary(described).anyOf).toHaveLength(2);
});

test('formats that only this project knows are left out, dates are dates', () => {
  expect(ordinary(Type.String({ format: 'text-1-80-640', maxLength: 640 }))).toEqual({
    type: 'string',
    maxLength: 640,
  });
  expect(ordinary(calendarDate({ until: 'today' }))).toEqual({
    type: 'string',
    format: 'date',
    examples: ['1990-12-31'],
  });
  expect(ordinary(Type.String({ format: 'date-time' }))).toEqual({ type: 'string', format: 'date-time' });
});

test('a record has members of any name', () => {
  expect(ordinary(Type.Record(Type.String(), Type.Integer()))).toEqual({
    type: 'object',
    additionalProperties: { type: 'integer' },
  });
});

test('a schema is described alike before and after its route has served a request', async () => {
  const Thing = t.Object({ id: t.String() });
  const described = ordinary(Thing);
  const app = new Elysia().post('/', ({ body }) => body, { body: Thing, response: { 200: Thing } });
  const response = await app.handle(
    new Request('http://things/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: '1' }),
    }),
  );
  expect(response.status).toBe(200);
  expect(ordinary(Thing)).toEqual(described);
});

test('properties named like keywords, and values of examples, are unchanged', () => {
  const properties = {
    error: Type.String(),
    format: Type.String(),
    anyOf: Type.String(),
    example: Type.String(),
  };
  expect(Object.keys(ordinary(Type.Object(properties)).properties)).toEqual(Object.keys(properties));
  const examples = [{ error: 'x', anyOf: [{ format: 'numeric' }] }];
  expect(ordinary(Type.Object({}, { examples })).examples).toEqual(examples);
});
