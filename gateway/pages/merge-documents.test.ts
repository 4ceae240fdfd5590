import { expect, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { JsonObject } from '#kit/http/openapi/json-object';
import { mergeDocuments, type ServiceDocument } from './merge-documents';

const GATEWAY = { version: '1.0.0', url: 'https://api.rookery.example' };
const BEARER = { type: 'http', scheme: 'bearer' };

function source(service: string, changes: JsonObject = {}, isRoot = true): ServiceDocument {
  const document = {
    openapi: '3.0.3',
    info: { title: service, version: '1', description: `About ${service}.` },
    servers: [{ url: 'http://10.0.0.7:5100' }],
    components: {
      schemas: { Item: { type: 'object', $id: '#/components/schemas/Item' } },
      securitySchemes: { bearer: BEARER },
    },
    paths: {
      [`/${service}/{id}`]: {
        get: {
          operationId: 'getItem',
          security: [{ bearer: [] }],
          parameters: [
            {
              name: 'id',
              in: 'path',
              required: true,
              schema: { type: 'string', examples: ['7'] },
            },
          ],
          responses: {
            200: {
              description: 'OK',
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Item' } } },
            },
          },
        },
      },
    },
    ...changes,
  };
  return { service, document, isRoot: () => isRoot };
}

const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce(
    (current, key) => (current === null || current === undefined ? undefined : Object(current)[key]),
    value,
  );

test('equal names of several services are qualified, and the result is valid', async () => {
  const merged = mergeDocuments([source('posts'), source('users')], GATEWAY);
  expect(await new Validator().validate(structuredClone(merged))).toMatchObject({ valid: true });
  expect(Object.keys(Object(at(merged, 'components', 'schemas')))).toEqual(['posts.Item', 'users.Item']);
  expect(at(merged, 'paths', '/users/{id}', 'get', 'operationId')).toBe('users.getItem');
  expect(at(merged, 'paths', '/users/{id}', 'get', 'tags')).toEqual(['users']);
  expect(JSON.stringify(at(merged, 'paths', '/users/{id}'))).toContain('"#/components/schemas/users.Item"');
  expect(at(merged, 'tags')).toEqual([
    { name: 'posts', description: 'About posts.' },
    { name: 'users', description: 'About users.' },
  ]);
});

test('its only server is the gateway', () => {
  const inner = {
    '/a': {
      servers: [{ url: 'http://10.0.0.7' }],
      get: { servers: [{ url: 'http://10.0.0.7' }], responses: {} },
    },
  };
  const text = JSON.stringify(mergeDocuments([source('users', { paths: inner })], GATEWAY));
  expect(text).not.toContain('10.0.0.7');
  expect(text).toContain(GATEWAY.url);
});

test('a route that is not served at its own path is listed below its prefix', () => {
  const merged = mergeDocuments([source('accounts', {}, false)], GATEWAY);
  expect(Object.keys(Object(merged.paths))).toEqual(['/accounts/accounts/{id}']);
});

test('routes are looked up by their registered pattern', () => {
  const lookedUp: string[] = [];
  const isRoot = (method: string, pattern: string) => lookedUp.push(`${method} ${pattern}`) > 0;
  mergeDocuments([{ ...source('users'), isRoot }], GATEWAY);
  expect(lookedUp).toEqual(['GET /users/:id']);
});

test('identical security schemes are shared, different ones are qualified', () => {
  const other = { schemas: {}, securitySchemes: { bearer: { type: 'apiKey', in: 'header', name: 'x-key' } } };
  const alike = mergeDocuments([source('posts'), source('users')], GATEWAY);
  const different = mergeDocuments([source('posts'), source('users', { components: other })], GATEWAY);
  expect(Object.keys(Object(at(alike, 'components', 'securitySchemes')))).toEqual(['bearer']);
  expect(Object.keys(Object(at(different, 'components', 'securitySchemes')))).toEqual([
    'posts.bearer',
    'users.bearer',
  ]);
  expect(at(different, 'paths', '/users/{id}', 'get', 'security')).toEqual([{ 'users.bearer': [] }]);
});

test('duplicate operation ids of a service are made unique', () => {
  const operation = { operationId: 'same', responses: {} };
  const merged = mergeDocuments(
    [source('users', { paths: { '/a': { get: operation, post: operation } } })],
    GATEWAY,
  );
  expect(at(merged, 'paths', '/a', 'get', 'operationId')).toBe('users.same');
  expect(at(merged, 'paths', '/a', 'post', 'operationId')).toBe('users.same.2');
});

test('properties named like keywords and examples are unchanged', () => {
  const reference = { $ref: '#/components/schemas/Other' };
  const schemas = {
    Item: {
      type: 'object',
      properties: {
        bare: { $ref: 'Other' },
        default: reference,
        mapping: reference,
        security: reference,
        example: reference,
      },
      example: reference,
      discriminator: { propertyName: 'kind', mapping: { other: '#/components/schemas/Other' } },
    },
    Other: { type: 'object' },
  };
  const merged = mergeDocuments([source('users', { components: { schemas } })], GATEWAY);
  const item = at(merged, 'components', 'schemas', 'users.Item');
  for (const name of ['bare', 'default', 'mapping', 'security', 'example'])
    expect(at(item, 'properties', name)).toEqual({ $ref: '#/components/schemas/users.Other' });
  expect(at(item, 'example')).toEqual(reference);
  expect(at(item, 'discriminator', 'mapping', 'other')).toBe('#/components/schemas/users.Other');
});

test('paths that differ in the names of their parameters only are one, with the names of the first', async () => {
  const operation = (name: string) => ({
    parameters: [{ name, in: 'path', required: true, schema: { type: 'string' } }],
    responses: { 200: { description: 'OK' } },
  });
  const merged = mergeDocuments(
    [
      source('posts', { paths: { '/posts/{id}': { get: operation('id') } } }),
      source('votes', { paths: { '/posts/{post_id}': { put: operation('post_id') } } }),
    ],
    GATEWAY,
  );
  expect(Object.keys(Object(merged.paths))).toEqual(['/posts/{id}']);
  expect(at(merged, 'paths', '/posts/{id}', 'put', 'parameters')).toEqual([
    { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
  ]);
  expect(await new Validator().validate(structuredClone(merged))).toMatchObject({ valid: true });
});

test('what a path says for all of its operations is said by each, unless it says otherwise', () => {
  const parameter = (description: string) => ({ name: 'id', in: 'path', required: true, description });
  const paths = {
    '/a/{id}': {
      summary: 'All',
      parameters: [parameter('shared')],
      get: { responses: {} },
      put: { parameters: [parameter('own')], responses: {} },
    },
  };
  const merged = mergeDocuments([source('users', { paths })], GATEWAY);
  expect(at(merged, 'paths', '/a/{id}', 'get', 'parameters')).toEqual([parameter('shared')]);
  expect(at(merged, 'paths', '/a/{id}', 'put', 'parameters')).toEqual([parameter('own')]);
});

test('schemas of OpenAPI 3.0 are rewritten for 3.1', () => {
  const schemas = {
    Item: { type: 'string', nullable: true },
    Other: { nullable: true, allOf: [{ $ref: '#/components/schemas/Item' }] },
    Count: { type: 'integer', minimum: 0, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false },
    Names: { type: 'object', properties: { nullable: { type: 'boolean' } } },
  };
  const merged = mergeDocuments([source('users', { components: { schemas } })], GATEWAY);
  expect(at(merged, 'components', 'schemas')).toEqual({
    'users.Item': { type: ['string', 'null'] },
    'users.Other': { anyOf: [{ allOf: [{ $ref: '#/components/schemas/users.Item' }] }, { type: 'null' }] },
    'users.Count': { type: 'integer', exclusiveMinimum: 0, maximum: 9 },
    'users.Names': schemas.Names,
  });
});

test('the document is valid without any service', async () => {
  expect(await new Validator().validate(mergeDocuments([], GATEWAY))).toMatchObject({ valid: true });
});
