import { afterAll, describe, expect, test } from 'bun:test';
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { pino } from 'pino';
import { callerOf } from '../../../tests/support/call';
import { eventually } from '../../../tests/support/eventually';
import { testRuntime } from '../../../tests/support/servers';
import { createRuntime, type Runtime } from '../../core/runtime';
import { conditional } from '../conditional';
import { encodeCursor } from '../lists/cursor';
import { wordKey } from '../lists/keys';
import { PageOf, PageQuery, readPageQuery } from '../lists/pagination';
import { platform } from '../platform';
import { created, paged } from '../responses';
import { jsonText, pagedText } from './json-text';

const Thing = Type.Object({ name: Type.String() });
const asObject = { name: 'Zoë “thing”' };
const asText = JSON.stringify(asObject);
const nextKey = encodeCursor(['b']);

const appOf = (runtime: Runtime) =>
  new Elysia()
    .use(platform(runtime))
    .use(conditional)
    .get('/object', () => asObject, { response: Thing, etag: true })
    .get('/text', async () => jsonText(asText), { response: Thing, etag: true })
    .get('/plain', () => jsonText(asText), { response: Thing })
    .post('/created', ({ set }) => created(set, '/text', jsonText(asText)), { response: { 201: Thing } })
    .get(
      '/cookie',
      ({ cookie }) => {
        cookie.visit?.set({ value: '1', httpOnly: true });
        return jsonText(asText);
      },
      { response: Thing },
    )
    .get(
      '/page/object',
      ({ query, set, request }) => {
        readPageQuery(query, [wordKey('b')]);
        return paged(set, request, { items: [asObject], next_cursor: nextKey });
      },
      { query: PageQuery, response: PageOf(Thing) },
    )
    .get(
      '/page/text',
      ({ query, set, request }) => {
        readPageQuery(query, [wordKey('b')]);
        return pagedText(set, request, { items: [asText, asText], next_cursor: nextKey });
      },
      { query: PageQuery, response: PageOf(Thing) },
    )
    .get('/page/last', ({ set, request }) => pagedText(set, request, { items: [], next_cursor: null }), {
      response: PageOf(Thing),
    })
    .get('/wrong', () => jsonText('{"name":7}'), { response: Thing })
    .get('/leaking', () => jsonText('{"name":"thing","secret":"hunter2"}'), { response: Thing })
    .get('/broken', () => jsonText('{"name":'), { response: Thing });

const runtime = testRuntime('json-text');
const app = appOf(runtime);
const call = callerOf(app);

afterAll(() => runtime.close());

/** Without what differs from request to request. */
const headersOf = (headers: Headers) =>
  Object.fromEntries([...headers].filter(([name]) => name !== 'x-request-id'));

describe('a ready text is sent like the object that it stands for', () => {
  test('with the same headers, entity tag and body', async () => {
    const [object, text] = [await call('GET', '/object'), await call('GET', '/text')];
    expect(text.body).toEqual(object.body);
    expect(headersOf(text.headers)).toEqual(headersOf(object.headers));
    expect(text.headers.get('x-request-id')).not.toBeNull();
  });

  test('byte by byte, also for HEAD', async () => {
    const read = await app.handle(new Request('http://localhost/plain'));
    expect(await read.text()).toBe(asText);
    const head = await app.handle(new Request('http://localhost/plain', { method: 'HEAD' }));
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(asText)));
    expect(head.headers.get('content-type')).toBe(read.headers.get('content-type'));
  });

  test('with the status of its route', async () => {
    const { status, headers, body } = await call('POST', '/created');
    expect([status, headers.get('location'), body]).toEqual([201, '/text', asObject]);
  });

  test('with the cookies of its route', async () => {
    const { headers, body } = await call('GET', '/cookie');
    expect(headers.get('set-cookie')).toStartWith('visit=1');
    expect(headers.get('cache-control')).toBe('private, no-store');
    expect(body).toEqual(asObject);
  });

  test('and not at all to a client that has it', async () => {
    const etag = String((await call('GET', '/text')).headers.get('etag'));
    const again = await app.handle(
      new Request('http://localhost/text', { headers: { 'if-none-match': etag } }),
    );
    expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, '']);
  });

  test('and is measured by its route and status', async () => {
    await call('POST', '/created');
    await eventually(async () => {
      const text = await (await app.handle(new Request('http://localhost/metrics'))).text();
      expect(text).toMatch(
        /http_request_duration_seconds_count\{method="POST",route="\/created",status="201"/,
      );
    });
  });
});

describe('a page of ready items', () => {
  test('has the cursor and the Link of a page of objects, each good for its own list', async () => {
    const page = await call('GET', '/page/text?limit=1');
    expect(page.body.items).toEqual([asObject, asObject]);
    const link = page.headers.get('link') ?? '';
    expect(link).toBe(`</page/text?limit=1&cursor=${page.body.next_cursor}>; rel="next"`);
    const next = link.slice(1, link.indexOf('>'));
    expect((await call('GET', next)).status).toBe(200);
    expect((await call('GET', next.replace('text', 'object'))).status).toBe(400);
  });

  test('is empty at the end', async () => {
    const { body, headers } = await call('GET', '/page/last');
    expect([body, headers.get('link')]).toEqual([{ items: [], next_cursor: null }, null]);
  });
});

describe('a text that breaks the promise of its route', () => {
  test.each(['/wrong', '/leaking', '/broken'])('%s is found in tests', async (path) => {
    const { status, body } = await call('GET', path);
    expect([status, body.code]).toEqual([500, 'internal']);
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  test('is not looked at elsewhere', async () => {
    const served = createRuntime({ name: 'served', version: 'test', log: pino({ level: 'silent' }) });
    const response = await appOf(served).handle(new Request('http://localhost/wrong'));
    expect([response.status, await response.text()]).toEqual([200, '{"name":7}']);
    await served.close();
  });
});
