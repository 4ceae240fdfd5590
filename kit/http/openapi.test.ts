import { expect, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { docs } from './docs';

const app = new Elysia()
  .use(docs({ name: 'things', version: '1.0.0' }))
  .get('/things/:id', () => ({ name: null }), {
    params: Type.Object({ id: Type.String({ examples: ['7'] }) }),
    query: Type.Object({ cursor: Type.Optional(Type.String({ examples: ['abc'] })) }),
    response: { 200: Type.Object({ name: Type.Union([Type.String(), Type.Null()]) }) },
    detail: { summary: 'Get a thing' },
  });

test('the document of a service is valid OpenAPI, with the problem response of every operation', async () => {
  const document = await (await app.handle(new Request('http://localhost/openapi.json'))).json();
  expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
  const { responses } = document.paths['/things/{id}'].get;
  expect(Object.keys(responses)).toEqual(['200', 'default']);
  expect(Object.keys(responses[200].content)).toEqual(['application/json']);
  expect(responses.default.content['application/problem+json'].schema.$ref).toBe(
    '#/components/schemas/Problem',
  );
});
