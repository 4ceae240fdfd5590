import { expect, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { JsonObject } from '#kit/http/openapi/json-object';
import { mergeDocuments } from './merge-documents';
import { faultIn } from './openapi-faults';

const GATEWAY = { version: '1.0.0', url: 'https://api.rookery.example' };

const DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'birds', version: '1', 'x-logo': 'bird.svg' },
  'x-extension': { ref: 7 },
  servers: [{ url: 'http://10.0.0.7' }],
  security: [{ key: [] }],
  paths: {
    '/birds/{id}': {
      parameters: [{ $ref: '#/components/parameters/Id' }],
      get: {
        operationId: 'getBird',
        parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer' } }],
        responses: {
          200: {
            description: 'OK',
            headers: { 'x-rate-limit': { schema: { type: 'integer' } } },
            content: {
              'application/json': {
                schema: { $ref: '#/components/schemas/Bird' },
                examples: {
                  owl: { $ref: '#/components/examples/owl' },
                  raw: { value: { anything: '$ref' } },
                },
              },
            },
            links: { next: { operationId: 'getBird' } },
          },
          default: { $ref: '#/components/responses/Error' },
        },
        callbacks: { sung: { '{$request.body#/url}': {} } },
      },
      post: {
        requestBody: { content: { 'application/json': { schema: { $ref: 'Bird' } } } },
        responses: { 201: { description: 'Created' } },
        security: [],
      },
    },
  },
  components: {
    schemas: {
      Bird: {
        type: 'object',
        properties: { name: { type: 'string', nullable: true }, mate: { $ref: '#/components/schemas/Bird' } },
        required: ['name'],
      },
    },
    parameters: { Id: { name: 'id', in: 'path', required: true, schema: { type: 'string' } } },
    examples: { owl: { value: { name: 'Owl' } } },
    responses: { Error: { description: 'Error' } },
    securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'x-key' } },
  },
};

const mergedWith = (document: JsonObject) =>
  mergeDocuments([{ service: 'birds', document, isRoot: () => true }], GATEWAY);

const validator = new Validator();
const isValid = async (document: JsonObject) =>
  (await validator.validate(JSON.parse(JSON.stringify(document)))).valid;

test('a document of a foreign framework has no fault, and its merged form is valid', async () => {
  expect(faultIn(DOCUMENT)).toBeUndefined();
  const merged = mergedWith(DOCUMENT);
  expect(await isValid(merged)).toBe(true);
  expect(JSON.stringify(merged)).not.toContain('10.0.0.7');
  expect(JSON.stringify(merged)).toContain('"#/components/examples/birds.owl"');
});

test.each([
  ['no object', 'text', 'It is not a JSON object'],
  ['OpenAPI 2', { swagger: '2.0', paths: {} }, 'It is not of version 3.0 or 3.1'],
  ['another version', { openapi: '4.0.0', paths: {} }, '/openapi'],
  ['no paths', { openapi: '3.1.0' }, '/paths'],
  ['a path without a slash', { ...DOCUMENT, paths: { birds: {} } }, '/paths/birds'],
  [
    'an operation without responses',
    { ...DOCUMENT, paths: { '/a': { get: {} } } },
    '/paths/~1a/get/responses',
  ],
  [
    'a status that is none',
    { ...DOCUMENT, paths: { '/a': { get: { responses: { 7: {} } } } } },
    '/paths/~1a/get',
  ],
  [
    'a reference to nothing',
    { ...DOCUMENT, components: { ...DOCUMENT.components, schemas: {} } },
    '#/components/schemas/Bird: no such component',
  ],
  [
    'a reference to another document',
    { openapi: '3.1.0', paths: {}, components: { schemas: { A: { $ref: 'https://a.example/b' } } } },
    'https://a.example/b: not a reference to a component',
  ],
  [
    'what looks like a reference within a value',
    { openapi: '3.1.0', paths: {}, components: { schemas: { A: { default: [{ $ref: 'x' }] } } } },
    'In a value: "x": not a reference to a component',
  ],
  [
    'a security scheme that is not defined',
    { ...DOCUMENT, security: [{ other: [] }] },
    'other: no such security scheme',
  ],
  [
    'a parameter of the path that is not described',
    { openapi: '3.1.0', paths: { '/a/{id}': { get: { responses: { 200: { description: 'OK' } } } } } },
    'GET /a/{id}: the parameters of the path are not those described',
  ],
  [
    'a component with a name that cannot be referred to',
    { openapi: '3.1.0', paths: {}, components: { schemas: { 'a b': {} } } },
    '/components/schemas/a b',
  ],
])('%s is a fault', (_, document, fault) => {
  expect(faultIn(document)).toStartWith(fault);
});

test('a document of any depth is refused instead of ending the process', () => {
  const deep = JSON.parse(`${'{"not":'.repeat(100_000)}{}${'}'.repeat(100_000)}`);
  expect(faultIn({ openapi: '3.1.0', paths: {}, components: { schemas: { Deep: deep } } })).toBeString();
});

/** Every place in a document, as the path of its keys. */
function placesIn(value: unknown, place: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [place];
  return [place, ...Object.entries(value).flatMap(([key, member]) => placesIn(member, [...place, key]))];
}

const JUNK = [null, 7, [], {}, undefined, { type: 'object' }, { $ref: '#/components/schemas/None' }];

test('whatever is put anywhere into a document, it has a fault or its merged form is valid', async () => {
  const invalid: unknown[] = [];
  for (const place of placesIn(DOCUMENT).slice(1))
    for (const junk of JUNK) {
      const document = structuredClone<JsonObject>(DOCUMENT);
      let holder: JsonObject = document;
      for (const key of place.slice(0, -1)) holder = Object(holder[key]);
      holder[place.at(-1) ?? ''] = junk;
      const sent: JsonObject = JSON.parse(JSON.stringify(document));
      if (faultIn(sent) === undefined && !(await isValid(mergedWith(sent))))
        invalid.push([place.join('.'), junk]);
    }
  expect(invalid).toEqual([]);
}, 60_000);
