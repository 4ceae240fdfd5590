import { afterAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { callerOf } from '../../tests/support/call';
import { eventually } from '../../tests/support/eventually';
import { testRuntime } from '../../tests/support/servers';
import { defineProblem } from '../errors/problem';
import { JSON_BODY_BYTES } from './body/admission';
import { conditional } from './conditional';
import { platform } from './platform';

const Teapot = defineProblem('test.teapot', 418, 'I am a teapot');
const runtime = testRuntime('platform');
let up = true;
runtime.dependency({
  name: 'pot',
  required: true,
  check: async () => {
    if (!up) throw new Error('10.0.0.7 refused the connection of user root');
    return undefined;
  },
});
runtime.dependency({ name: 'sugar', required: false, check: () => Promise.reject(new Error('unavailable')) });

const app = new Elysia()
  .use(platform(runtime, { description: 'For tests' }))
  .use(conditional)
  .get('/things/:id', () => ({ name: 'thing' }), { etag: true })
  .delete('/things/:id', () => 'gone')
  .post('/things', ({ body }) => body, {
    body: Type.Object({
      password: Type.String({ minLength: 8 }),
      tags: Type.Optional(Type.Record(Type.String(), Type.Integer())),
    }),
  })
  .get(
    '/teapot',
    () => {
      throw new Teapot({ detail: 'Short and stout.', headers: { 'retry-after': '3' } });
    },
    { query: Type.Object({ pot: Type.Optional(Type.String()) }) },
  )
  .get('/broken', () => {
    throw new Error('the password of the database is hunter2');
  })
  .get('/lying', () => ({ secret: 'hunter2' }) as unknown as { name: string }, {
    response: Type.Object({ name: Type.String() }),
  });
const call = callerOf(app);

afterAll(() => runtime.close());

describe('a failure becomes a problem document', () => {
  test('with the constants of its definition and the request id', async () => {
    const { status, headers, body } = await call('GET', '/teapot?pot=mine', {
      headers: { 'x-request-id': 'request-1' },
    });
    expect(status).toBe(418);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('retry-after')).toBe('3');
    expect(headers.get('x-request-id')).toBe('request-1');
    expect(body).toEqual({
      type: 'urn:rookery:problem:test.teapot',
      title: 'I am a teapot',
      status: 418,
      detail: 'Short and stout.',
      instance: '/teapot',
      code: 'test.teapot',
      request_id: 'request-1',
    });
  });

  test.each([
    ['broken JSON', 400, 'request.malformed', { body: '{"password": "hunter2' }],
    ['JSON that is not an object', 422, 'request.invalid', { body: '"hunter2"' }],
    ['a wrong type', 422, 'request.invalid', { body: { password: { hunter2: true } } }],
    ['a short value', 422, 'request.invalid', { body: { password: 'hunter2' } }],
    [
      'a malicious key',
      422,
      'request.invalid',
      { body: { password: 'long enough', tags: { '<hunter2>': 'x' } } },
    ],
    [
      'another media type',
      415,
      'request.unsupported-media-type',
      { body: 'hunter2', headers: { 'content-type': 'text/plain' } },
    ],
    [
      'a large body',
      413,
      'request.too-large',
      { body: '{}', headers: { 'content-length': String(JSON_BODY_BYTES + 1) } },
    ],
  ])('%s', async (_what, status, code, options) => {
    const response = await call('POST', '/things', options);
    expect([response.status, response.body.code]).toEqual([status, code]);
    expect(JSON.stringify(response.body)).not.toContain('hunter2');
  });

  test.each(['/broken', '/lying'])('%s: an internal error reveals nothing', async (path) => {
    const { status, body } = await call('GET', path);
    expect([status, body.code]).toEqual([500, 'internal']);
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  test('an unknown path is 404; a known one with another method is 405 with Allow', async () => {
    expect((await call('GET', '/nothing')).status).toBe(404);
    const { status, headers } = await call('PUT', '/things/1');
    expect([status, headers.get('allow')]).toEqual([405, 'DELETE, GET, HEAD']);
  });
});

test('a malformed request id is replaced, never echoed', async () => {
  for (const sent of ['short', 'with a blank in it', 'x'.repeat(200)]) {
    const { headers } = await call('GET', '/things/1', { headers: { 'x-request-id': sent } });
    expect(headers.get('x-request-id')).not.toBe(sent);
    expect(headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{8,128}$/);
  }
});

test('a conditional GET is 304 while nothing has changed', async () => {
  const etag = String((await call('GET', '/things/1')).headers.get('etag'));
  expect((await call('GET', '/things/1', { headers: { 'if-none-match': `"other", ${etag}` } })).status).toBe(
    304,
  );
  expect((await call('GET', '/things/1', { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
});

describe('readiness', () => {
  test('lists each dependency: degraded without an optional one, not ready without a required one', async () => {
    const degraded = await call('GET', '/readyz');
    expect(degraded.status).toBe(200);
    expect(degraded.body).toMatchObject({
      status: 'degraded',
      dependencies: { pot: { status: 'up', required: true }, sugar: { status: 'down', required: false } },
    });
    up = false;
    const without = await call('GET', '/readyz');
    expect([without.status, without.body.status]).toEqual([503, 'not-ready']);
    expect(JSON.stringify(without.body)).not.toContain('10.0.0.7');
    up = true;
  });

  test('does not affect liveness', async () => {
    for (const path of ['/health', '/healthz'])
      expect((await call('GET', path)).body).toMatchObject({ status: 'ok' });
  });
});

test('the documentation has the routes except operational ones, and loads nothing from other hosts', async () => {
  const { body } = await call('GET', '/openapi.json');
  expect(Object.keys(body.paths as object)).toEqual([
    '/things/{id}',
    '/things',
    '/teapot',
    '/broken',
    '/lying',
  ]);
  const page = await (await app.handle(new Request('http://localhost/docs'))).text();
  expect(page).not.toContain('://');
  for (const asset of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
    expect(page).toContain(`docs/assets/${asset}`);
    expect((await app.handle(new Request(`http://localhost/docs/assets/${asset}`))).status).toBe(200);
  }
  expect((await app.handle(new Request('http://localhost/docs/assets/..%2fpackage.json'))).status).toBe(404);
});

test('requests are measured by route pattern', async () => {
  await call('GET', '/things/some-id');
  const metrics = await eventually(async () => {
    const text = await (await app.handle(new Request('http://localhost/metrics'))).text();
    expect(text).toContain('route="/things/:id"');
    return text;
  });
  expect(metrics).not.toContain('some-id');
});
