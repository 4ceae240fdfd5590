import { expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { TokenVerifier } from '../../auth/tokens';
import { access } from '../access';
import { inMediaTypes } from '../body/read-body';
import { conditional } from '../conditional';
import { docs } from '../docs';
import { bytes, describe, keyed } from '../route-docs';
import { nullable } from '../schemas';
import { describeApp } from './document';

const tokens = {
  verify: () => Promise.reject(new Error('No request reaches a handler')),
} as unknown as TokenVerifier;
const Thing = Type.Object({ id: Type.String(), name: nullable(Type.String()) });
const NewThing = Type.Object({
  name: Type.String({ error: 'A name', format: 'text-1-80-640', examples: ['a'] }),
});

const rule = (name: string): object => ({ 'x-access': name });

const app = new Elysia()
  .use(
    docs({
      name: 'things',
      version: '1.0.0',
      description: 'Things.',
      tags: { Things: 'All of them.' },
      schemas: { Thing },
      securitySchemes: { 'door-key': { type: 'apiKey', in: 'header', name: 'x-door-key' } },
    }),
  )
  .use(access(tokens))
  .use(conditional)
  .macro('doorKey', { detail: rule('door-key') })
  .get('/things', () => ({ items: [] }), {
    public: true,
    query: Type.Object({ limit: Type.Optional(t.Integer({ minimum: 1, description: 'Items per page' })) }),
    response: Type.Object({ items: Type.Array(Thing) }),
    ...describe('List things', 'Things'),
  })
  .post('/things', () => ({ id: '1', name: null }), {
    user: true,
    body: NewThing,
    response: { 201: Thing },
    ...keyed('Create a thing', 'Things', { required: true }),
  })
  .get('/things/:id', () => ({ id: '1', name: null }), {
    optionalUser: true,
    etag: true,
    params: Type.Object({ id: Type.String({ examples: ['7'] }) }),
    response: Thing,
    ...describe('Get a thing', 'Things', { description: 'Whatever it is' }),
  })
  .delete('/things/:id', () => undefined, {
    permission: 'things:delete',
    ...describe('Delete a thing', 'Things'),
  })
  .put('/things/:id/form', () => undefined, {
    service: [],
    body: inMediaTypes(NewThing, 'application/json', 'application/x-www-form-urlencoded'),
    ...describe('Fill a form', 'Things'),
  })
  .patch('/things/:id', () => undefined, {
    public: true,
    body: t.Optional(NewThing),
    response: { 204: t.Void() },
    ...describe('Touch a thing', 'Things'),
  })
  .get('/things/:id/picture', () => new Response(), {
    doorKey: true,
    ...describe('Get its picture', 'Things', { responses: { 200: bytes('A picture', 'image/png') } }),
  })
  .get('/hidden', () => '', { detail: { hide: true } });

const served = async (headers: Record<string, string> = {}, path = '/openapi.json') =>
  (await app.handle(new Request(`http://127.0.0.1:8001${path}`, { headers }))).json();
const document = await served();
const operation = (path: string, method: string) => document.paths[path][method];
const problem = { $ref: '#/components/responses/Problem' };

test('responses are those of the schemas, 204 where there is none, and one problem response for every error', () => {
  expect(Object.keys(operation('/things', 'get').responses)).toEqual(['200', '4XX', '5XX']);
  expect(operation('/things', 'post').responses[201]).toEqual({
    description: 'Created',
    headers: { Location: { description: 'Where the result is found', schema: { type: 'string' } } },
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
  });
  expect(operation('/things/{id}', 'delete').responses).toEqual({
    204: { description: 'No Content' },
    '4XX': problem,
    '5XX': problem,
  });
  expect(operation('/things/{id}', 'patch').responses[204]).toEqual({ description: 'No Content' });
  expect(Object.keys(operation('/things/{id}', 'get').responses)).toEqual(['200', '304', '4XX', '5XX']);
  expect(Object.keys(operation('/things/{id}/picture', 'get').responses[200].content)).toEqual(['image/png']);
  const { content } = document.components.responses.Problem;
  expect(content['application/problem+json'].schema.$ref).toBe('#/components/schemas/Problem');
});

test('a body is JSON and nothing else, unless the route says so, and required unless it is optional', () => {
  const { requestBody } = operation('/things', 'post');
  expect(Object.keys(requestBody.content)).toEqual(['application/json']);
  expect(requestBody.required).toBe(true);
  expect(operation('/things/{id}', 'patch').requestBody.required).toBe(false);
  const { content } = operation('/things/{id}/form', 'put').requestBody;
  expect(Object.keys(content)).toEqual(['application/json', 'application/x-www-form-urlencoded']);
  expect(content['application/json'].schema).toEqual(requestBody.content['application/json'].schema);
});

test('schemas are JSON Schema: without settings of the framework, and numbers are numbers', () => {
  expect(operation('/things', 'get').parameters).toEqual([
    {
      name: 'limit',
      in: 'query',
      required: false,
      description: 'Items per page',
      schema: { type: 'integer', minimum: 1 },
    },
  ]);
  const { schema } = operation('/things', 'post').requestBody.content['application/json'];
  expect(schema.properties).toEqual({ name: { type: 'string', examples: ['a'] } });
});

test('the security of an operation is its access rule', () => {
  const bearer = [{ bearer: [] }];
  expect(operation('/things', 'get').security).toEqual([]);
  expect(operation('/things', 'post').security).toEqual(bearer);
  expect(operation('/things/{id}', 'get').security).toEqual([{}, ...bearer]);
  expect(operation('/things/{id}', 'delete').security).toEqual(bearer);
  expect(operation('/things/{id}', 'delete').description).toContain('`things:delete`');
  expect(operation('/things/{id}/form', 'put').security).toEqual([{ service: [] }]);
  expect(operation('/things/{id}/picture', 'get').security).toEqual([{ 'door-key': [] }]);
  expect(Object.keys(document.components.securitySchemes)).toEqual(['bearer', 'door-key', 'service']);
});

test('operation ids are readable, tags are described, and hidden routes are left out', () => {
  expect(operation('/things/{id}/form', 'put').operationId).toBe('putThingsByIdForm');
  expect(document.tags).toEqual([{ name: 'Things', description: 'All of them.' }]);
  expect(operation('/things/{id}', 'get').description).toBe(
    'Whatever it is.\n\nAccess: public, or with an access token.',
  );
  expect(document.paths).not.toHaveProperty('/hidden');
});

test('its server is the absolute address at which the client has asked', async () => {
  expect(document.servers).toEqual([{ url: 'http://127.0.0.1:8001' }]);
  const forwarded = {
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'api.rookery.example',
    'x-forwarded-prefix': '/v1/things',
  };
  expect((await served(forwarded)).servers).toEqual([{ url: 'https://api.rookery.example/v1/things' }]);
  const malformed = { 'x-forwarded-host': 'a b', 'x-forwarded-prefix': '//evil.example' };
  expect((await served(malformed)).servers).toEqual([{ url: 'http://127.0.0.1:8001' }]);
});

test('the document is the same with a trailing slash', async () => {
  expect(await served({}, '/openapi.json/')).toEqual(document);
});

test('object schemas of the models are components of their names, wherever they are used', () => {
  const Page = Type.Object({ items: Type.Array(Thing), first: nullable(Thing) });
  const app = new Elysia()
    .get('/page', () => ({ items: [], first: null }), { response: Page })
    .post('/page', ({ body }) => body, { body: Thing });
  const schemas = { Thing, ThingPage: Page, ThingId: Type.String(), fail: () => undefined };
  const { components, paths } = describeApp(app, { name: 'things', version: '1.0.0', schemas });
  const reference = { $ref: '#/components/schemas/Thing' };
  expect(Object.keys(Object(components).schemas)).toEqual(['Problem', 'Thing', 'ThingPage']);
  expect(Object(components).schemas.ThingPage.properties).toEqual({
    items: { type: 'array', items: reference },
    first: { anyOf: [reference, { type: 'null' }] },
  });
  expect(Object(paths)['/page'].post.requestBody.content['application/json'].schema).toEqual(reference);
});
