import { expect, test } from 'bun:test';
import { Kind, type TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { asRecord, isRecord, type JsonObject } from '#kit/http/openapi/json-object';
import { operationsOf } from '../../gateway/pages/openapi-faults';
import { registryApp, serviceApps } from './apps';
import { readDocuments } from './documents';
import { invalidExamples } from './examples';
import { lintDocument } from './lint';

const { own, merged } = await readDocuments();
const documents: readonly (readonly [string, JsonObject])[] = [...Object.entries(own), ['merged', merged]];
/** Two linters over half a megabyte, on a slow machine. */
const LINT_MS = 60_000;

test.each(documents)(
  'the document of %s passes the linters without a finding',
  async (name, document) => {
    expect(await lintDocument(name, document)).toEqual([]);
  },
  LINT_MS,
);

test('a linter finds what is wrong', async () => {
  const operation = { responses: { 200: { description: 'OK' } }, security: [{ none: [] }] };
  const found = await lintDocument('bad', { ...merged, paths: { '/a': { get: operation } } });
  expect(found.join()).toContain('security-defined');
  expect(found.join()).toContain('operation-operationId');
});

test('examples and defaults satisfy their schemas', () => {
  const all = [merged, asRecord(own.registry), asRecord(own.gateway)];
  expect(all.flatMap(invalidExamples)).toEqual([]);
});

test('an example that does not satisfy its schema is found', () => {
  const Thing = { type: 'object', properties: { id: { type: 'string', examples: ['a', 7] } } };
  expect(invalidExamples({ components: { schemas: { Thing } } })).toHaveLength(1);
});

/** Every schema of the routes with examples, formats included: the checks that a request meets. */
function* schemasWithExamples(value: unknown): Generator<TSchema> {
  if (Array.isArray(value)) for (const item of value) yield* schemasWithExamples(item);
  if (!isRecord(value)) return;
  if (Kind in value && Array.isArray(value.examples)) yield value as unknown as TSchema;
  for (const [key, member] of Object.entries(value))
    if (key !== 'examples') yield* schemasWithExamples(member);
}

test('the examples of the routes pass the checks of the routes', async () => {
  const refused: string[] = [];
  let checked = 0;
  for (const { app } of [...(await serviceApps()), { app: registryApp() }])
    for (const { method, path, hooks } of app.routes)
      for (const schema of schemasWithExamples([hooks.body, hooks.query, hooks.params, hooks.headers]))
        for (const example of schema.examples) {
          checked++;
          if (!Value.Check(schema, example)) refused.push(`${method} ${path}: ${JSON.stringify(example)}`);
        }
  expect(refused).toEqual([]);
  expect(checked).toBeGreaterThan(100);
});

/** Pages are HTML and send forms; so do the endpoints of OAuth (RFC 6749). */
const FORMS_AND_PAGES = new Set(['Pages', 'OAuth']);

const isOfPages = (operation: JsonObject, type: string): boolean =>
  ['text/html', 'application/x-www-form-urlencoded'].includes(type) &&
  Array.isArray(operation.tags) &&
  operation.tags.some((tag) => FORMS_AND_PAGES.has(tag));

test('bodies and responses are JSON only, unless the operation is about something else', () => {
  const others = new Set<string>();
  for (const { operation, path, method } of Object.values(own).map(asRecord).flatMap(operationsOf)) {
    const responses = Object.entries(asRecord(operation.responses)).filter(([status]) => status < '4');
    const contents = [operation.requestBody, ...responses.map(([, response]) => response)].map((described) =>
      Object.keys(asRecord(asRecord(described).content)).filter((type) => type !== 'application/json'),
    );
    for (const type of contents.flat())
      if (!isOfPages(operation, type)) others.add(`${method.toUpperCase()} ${path} ${type}`);
  }
  expect([...others].sort()).toEqual([
    'GET /archives/exports/{id}/file application/zip',
    'GET /auth/passkeys.js text/javascript',
    'GET /files/{id}/content */*',
    'GET /files/{id}/content/{size} image/gif',
    'GET /files/{id}/content/{size} image/jpeg',
    'GET /files/{id}/content/{size} image/png',
    'GET /files/{id}/content/{size} image/webp',
    'GET /mails/unsubscribe text/html',
    'GET /notifications/stream text/event-stream',
    'GET /posts/home/{username}/stream text/event-stream',
    'GET /posts/stream text/event-stream',
    'GET /resumes/{id} text/html',
    'GET /users/email/verification text/html',
    'GET /watch text/event-stream',
    'PATCH /files/tus/{id} application/offset+octet-stream',
    'POST /archives/imports application/zip',
    'POST /auth/introspect application/x-www-form-urlencoded',
    'POST /auth/revoke application/x-www-form-urlencoded',
    'POST /files/upload multipart/form-data',
    'POST /files/upload/avatar multipart/form-data',
    'POST /files/{id}/versions multipart/form-data',
    'POST /mails/unsubscribe application/x-www-form-urlencoded',
    'POST /mails/unsubscribe multipart/form-data',
    'POST /mails/unsubscribe text/html',
    'POST /oauth/device_authorization multipart/form-data',
    'POST /oauth/introspect multipart/form-data',
    'POST /oauth/revoke multipart/form-data',
    'POST /oauth/token multipart/form-data',
    'POST /users/email/verification application/x-www-form-urlencoded',
    'POST /users/email/verification text/html',
  ]);
});

test('the security of an operation of the gateway is the access rule of its route', () => {
  for (const { operation } of operationsOf(merged)) {
    const rule = operation['x-access'];
    const expected =
      rule === 'public'
        ? []
        : rule === 'optional'
          ? [{}, { bearer: [] }]
          : rule === 'service'
            ? [{ service: [] }]
            : [{ bearer: [] }];
    expect([operation.operationId, operation.security]).toEqual([operation.operationId, expected]);
  }
});
