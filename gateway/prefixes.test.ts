import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { eventually } from '../tests/support/eventually';
import { openAddress } from '../tests/support/open-address';
import { type StartedProcess, startProcess } from '../tests/support/processes';
import { rawConnection } from '../tests/support/raw-http';
import { testRuntime } from '../tests/support/servers';

/** A client of this address is a trusted proxy. */
const PROXY = '127.0.0.2';

const runtime = testRuntime('prefixes');
let registry: StartedProcess;
let gateway: StartedProcess;
let birds: StartedProcess;

/** A service in any language: it answers with what it was sent, and with the fields a test asks for. */
const shop = openAddress(async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/items/kept')
    return new Response('kept', {
      headers: { 'cache-control': 'public, max-age=60', 'content-location': pathname },
    });
  if (pathname !== '/answer')
    return Response.json({ path: pathname, headers: Object.fromEntries(request.headers) });
  const headers = new Headers();
  const { status, fields } = Object(await request.json());
  for (const [name, value] of fields) headers.append(name, value);
  return new Response(null, { status, headers });
});

beforeAll(async () => {
  registry = await startProcess('registry/main.ts', {});
  const environment = { REGISTRY_URL: registry.url };
  [gateway, birds] = await Promise.all([
    startProcess('gateway/main.ts', {
      ...environment,
      TRUSTED_PROXIES: PROXY,
      RESPONSE_CACHE_BYTES: '1000000',
    }),
    startProcess('tests/support/named-service.ts', { ...environment, SERVICE: 'birds' }),
  ]);
  shop.register(runtime, [registry.url], {
    name: 'shop',
    routes: [
      { method: 'GET', path: '/items/:id' },
      { method: 'POST', path: '/answer' },
    ],
    prefixes: ['store'],
  });
  await eventually(async () => {
    for (const path of ['/birds/1', '/items/1']) expect((await fetch(gateway.url + path)).status).toBe(200);
  }, 30_000);
}, 30_000);

afterAll(async () => {
  await runtime.close();
  await Promise.all([gateway?.stop(), birds?.stop(), shop.close()]);
  await registry?.stop();
}, 30_000);

/** Sends one request from an address, with the fields of a proxy. */
async function send(from: string, path: string, fields: readonly string[], body?: object) {
  const connection = rawConnection(Number(new URL(gateway.url).port), [], from);
  const content = body === undefined ? '' : JSON.stringify(body);
  const lines = [
    `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1`,
    'Host: api.example:8080',
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${content.length}`]),
    ...fields,
  ];
  connection.send(`${lines.join('\r\n')}\r\n\r\n${content}`);
  const [response] = await connection.responses(({ length }) => length === 1);
  connection.end();
  if (response === undefined) throw new Error('no response');
  return response;
}

describe('X-Forwarded-Prefix', () => {
  const received = async (from: string, path: string, fields: readonly string[] = []) =>
    Object(JSON.parse((await send(from, path, fields)).body)).headers['x-forwarded-prefix'];

  test('tells a service what was cut from the path', async () => {
    expect(await received('127.0.0.1', '/items/1')).toBeUndefined();
    expect(await received('127.0.0.1', '/shop/items/1')).toBe('/shop');
    expect(await received('127.0.0.1', '/v1/items/1')).toBe('/v1');
    expect(await received('127.0.0.1', '/v1/store/items/1')).toBe('/v1/store');
  });

  test('of a client is dropped, of a trusted proxy it comes first', async () => {
    const field = ['X-Forwarded-Prefix: /api'];
    expect(await received('127.0.0.1', '/items/1', field)).toBeUndefined();
    expect(await received('127.0.0.1', '/v1/items/1', field)).toBe('/v1');
    expect(await received(PROXY, '/items/1', field)).toBe('/api');
    expect(await received(PROXY, '/v1/items/1', ['x-forwarded-prefix: /outer/, /inner'])).toBe(
      '/outer/inner/v1',
    );
    for (const value of ['api', '/a/../b', '//evil.example', '/a b', '/a?b', `/${'a'.repeat(300)}`])
      expect(await received(PROXY, '/items/1', [`X-Forwarded-Prefix: ${value}`])).toBeUndefined();
  });
});

test('addresses in a response are those the client can follow', async () => {
  const answer = async (
    from: string,
    prefix: string,
    fields: readonly [string, string][],
    sent: readonly string[] = [],
  ) => {
    const response = await send(from, `${prefix}/answer`, sent, { status: 302, fields });
    return fields.map(([name]) => response.headers.get(name));
  };
  const fields: [string, string][] = [
    ['location', '/items/7?x=1'],
    ['content-location', 'http://API.example:8080/items/7'],
    ['link', '</items/8>; rel="next", <https://other.example/items/9>; rel="prev"'],
    ['set-cookie', 'cart=1; Path=/items; HttpOnly'],
  ];
  const below = (prefix: string) => [
    `${prefix}/items/7?x=1`,
    `http://API.example:8080${prefix}/items/7`,
    `<${prefix}/items/8>; rel="next", <https://other.example/items/9>; rel="prev"`,
    `cart=1; Path=${prefix}/items; HttpOnly`,
  ];
  for (const prefix of ['', '/v1', '/shop', '/v1/store'])
    expect(await answer('127.0.0.1', prefix, fields)).toEqual(below(prefix));
  expect(await answer(PROXY, '/v1', fields, ['X-Forwarded-Prefix: /api'])).toEqual(below('/api/v1'));
  expect(await answer(PROXY, '', fields, ['X-Forwarded-Prefix: /api'])).toEqual(below('/api'));
  expect(await answer('127.0.0.1', '/v1', fields, ['X-Forwarded-Prefix: /evil'])).toEqual(below('/v1'));
  const forwarded = ['X-Forwarded-Host: shop.example', 'X-Forwarded-Proto: https'];
  expect(await answer(PROXY, '/v1', [['location', 'https://shop.example/items/7']], forwarded)).toEqual([
    'https://shop.example/v1/items/7',
  ]);
  // What heeds X-Forwarded-Prefix, another service, another host and a relative reference are left as they are.
  for (const location of ['/shop/items/7', '/birds/1', 'http://other.example/items/7', 'items/7', '?page=2'])
    expect(await answer('127.0.0.1', '/shop', [['location', location]])).toEqual([location]);
});

test('a cached response has the addresses of its request', async () => {
  for (const hit of [null, 'rookery; hit'])
    for (const prefix of ['', '/v1', '/shop']) {
      const { headers } = await fetch(`${gateway.url}${prefix}/items/kept`);
      expect([headers.get('content-location'), headers.get('cache-status')]).toEqual([
        `${prefix}/items/kept`,
        hit,
      ]);
    }
});

describe('the documentation', () => {
  const PLACES = {
    'Rookery birds': ['/birds/docs', '/birds/docs/', '/birds-too/docs', '/v1/birds/docs/'],
    'Rookery gateway': ['/docs', '/docs/', '/v1/docs', '/v1/docs/', '/gateway/docs/', '/v1/gateway/docs'],
  };
  for (const [title, places] of Object.entries(PLACES))
    for (const place of places)
      test(`at ${place} loads its own files and names its own document`, async () => {
        const html = await (await fetch(gateway.url + place)).text();
        expect(html).toContain(`<title>${title}</title>`);
        const [style, script, document] = [/href="([^"]+)"/, /src="([^"]+)"/, /url: '([^']+)'/].map(
          (pattern) => new URL(pattern.exec(html)?.[1] ?? 'none', gateway.url + place).toString(),
        );
        for (const file of [style, script])
          expect((await fetch(file ?? '', { method: 'HEAD' })).status).toBe(200);
        const { info, paths } = Object(await (await fetch(document ?? '')).json());
        expect(info.title).toBe(title === 'Rookery gateway' ? 'Rookery' : title);
        expect(Object.keys(paths)).toContain('/birds/{id}');
      });

  test('redirects to the document below the same prefix', async () => {
    for (const prefix of ['', '/v1', '/birds', '/v1/birds-too']) {
      const redirect = await fetch(`${gateway.url}${prefix}/docs/json`, { redirect: 'manual' });
      expect([redirect.status, redirect.headers.get('location')]).toEqual([308, `${prefix}/openapi.json`]);
    }
  });
});

test('the links of the start page lead to pages below the same prefix', async () => {
  const { links, services } = Object(await (await fetch(`${gateway.url}/v1/`)).json());
  expect([links.docs, services.birds.docs]).toEqual(['/v1/docs', '/v1/birds/docs']);
  const response = await send(PROXY, '/', ['X-Forwarded-Prefix: /api', 'Accept: text/html']);
  expect(response.body).toContain('<a href="/api/birds/docs">birds</a>');
  expect(response.body).not.toMatch(/href="\/(?!api\/)/);
});
