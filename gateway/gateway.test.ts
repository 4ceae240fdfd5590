import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { eventually } from '../tests/support/eventually';
import { type StartedProcess, startProcess } from '../tests/support/processes';
import { testDatabase } from '../tests/support/servers';

const SECRET = 'a-secret-for-tests-of-the-gateway';
const TOKENS = {
  JWT_ALG: 'HS256',
  JWT_SECRET: SECRET,
  JWT_ISSUER: 'http://issuer.test',
  JWT_AUDIENCE: 'rookery',
};

let registry: StartedProcess;
let gateway: StartedProcess;
let database: Awaited<ReturnType<typeof testDatabase>>;
let auth: StartedProcess;
let birds: StartedProcess;
let nests: StartedProcess;

const startService = (name: string) =>
  startProcess('tests/support/named-service.ts', { ...TOKENS, SERVICE: name, REGISTRY_URL: registry.url });

beforeAll(async () => {
  registry = await startProcess('registry/main.ts', {});
  gateway = await startProcess('gateway/main.ts', { ...TOKENS, REGISTRY_URL: registry.url });
  database = await testDatabase();
  // Tokens are accepted once the revocations are loaded.
  const environment = { ...TOKENS, REGISTRY_URL: registry.url, AUTH_DATABASE_URL: database.url };
  [auth, birds, nests] = await Promise.all([
    startProcess('services/auth/main.ts', environment),
    startService('birds'),
    startService('nests'),
  ]);
  await eventually(async () => {
    for (const name of ['birds', 'nests']) expect((await ask(`/${name}/1`)).status).toBe(200);
    // Until a registry that has just started is settled, unknown paths are unavailable.
    expect((await ask('/nowhere')).status).toBe(404);
  });
}, 60_000);

afterAll(async () => {
  await Promise.all([gateway?.stop(), auth?.stop(), birds?.stop(), nests?.stop()]);
  await registry?.stop();
  await database?.drop();
}, 60_000);

const ask = (path: string, init: RequestInit = {}) =>
  fetch(gateway.url + path, { ...init, signal: AbortSignal.timeout(10_000) });

async function read(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const answer: unknown = await (await ask(path, init)).json();
  if (typeof answer !== 'object' || answer === null) throw new Error('no object');
  return { ...answer };
}

const instancesOf = async (name: string) => {
  const { services } = await read('/');
  const service: unknown = Object(services)[name];
  return Object(service).instances?.length ?? 0;
};

describe('routing', () => {
  test('a root route is forwarded unchanged, a prefix and a version are stripped', async () => {
    expect(await read('/birds/7')).toMatchObject({ service: 'birds', id: '7', path: '/birds/7' });
    expect(await read('/birds/birds/7')).toMatchObject({ service: 'birds', path: '/birds/7' });
    expect(await read('/birds-too/birds/7')).toMatchObject({ service: 'birds', path: '/birds/7' });
    expect(await read('/v1/nests/7')).toMatchObject({ service: 'nests', path: '/nests/7' });
    expect(await read('/v1/nests-too/things-of-nests/7')).toMatchObject({
      service: 'nests',
      path: '/things-of-nests/7',
    });
    expect((await ask('/things-of-nests/7')).status).toBe(404);
  });

  test("a service's operational pages are served below its prefix, but not its metrics", async () => {
    expect(await read('/birds/health')).toMatchObject({ name: 'birds' });
    expect(await read('/nests/openapi.json')).toMatchObject({ info: { title: 'Rookery nests' } });
    expect((await ask('/birds/docs')).headers.get('content-type')).toContain('text/html');
    expect((await ask('/nests-too/docs/assets/swagger-ui.css')).status).toBe(200);
    expect(await (await ask('/nests-too/metrics')).json()).toMatchObject({ code: 'route.not-found' });
  });

  test('rejections are problem documents with their codes', async () => {
    const wrongMethod = await ask('/birds/7', { method: 'DELETE' });
    expect(wrongMethod.headers.get('allow')).toBe('GET, HEAD');
    expect(wrongMethod.headers.get('content-type')).toBe('application/problem+json');
    expect(await wrongMethod.json()).toMatchObject({ status: 405, code: 'route.method-not-allowed' });
    expect(await read('/unknown')).toMatchObject({ status: 404, code: 'route.not-found' });
    expect(await read('/birds/a%2fb')).toMatchObject({ status: 400, code: 'request.path-refused' });
    expect(await read('/metrics', { method: 'POST' })).toMatchObject({ status: 405 });
    expect((await ask('/birds/7', { method: 'HEAD' })).status).toBe(200);
  });

  test('rejections are pages for browsers that ask for one, and say as much', async () => {
    const page = await ask('/birds/7', { method: 'DELETE', headers: { accept: 'text/html,*/*;q=0.8' } });
    expect([page.status, page.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(Object.fromEntries(page.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      'cache-control': 'no-store',
    });
    expect(page.headers.get('x-request-id')).toMatch(/^[^,]+$/);
    expect(await page.text()).toContain('<h1>This page cannot be used that way</h1>');
  });

  test('routing does not depend on the Host', async () => {
    for (const host of ['a', 'localhost', 'rookery.example:8080']) {
      expect((await ask('/health', { headers: { host } })).status).toBe(200);
      expect(await read('/birds/7', { headers: { host } })).toMatchObject({ path: '/birds/7' });
    }
  });
});

describe('changing instances', () => {
  test('a new one receives requests once it is registered, and a graceful shutdown under load loses none', async () => {
    const second = await startService('birds');
    await eventually(async () => expect((await read('/birds/1')).process).toBe(second.pid));

    let failed = 0;
    let answered = 0;
    let stopping = true;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      while (stopping) {
        const path = client % 2 === 0 ? '/birds/1/slowly' : '/birds/1';
        const { ok } = await ask(path).catch(() => ({ ok: false }));
        if (ok) answered++;
        else failed++;
      }
    });
    await eventually(() => expect(answered).toBeGreaterThan(50));
    await second.stop();
    const answeredBefore = answered;
    await eventually(() => expect(answered).toBeGreaterThan(answeredBefore + 50));
    stopping = false;
    await Promise.all(clients);
    expect(failed).toBe(0);
    expect(await instancesOf('birds')).toBe(1);
  }, 60_000);

  test('a killed one fails no read while another is available', async () => {
    const second = await startService('nests');
    await eventually(async () => expect(await instancesOf('nests')).toBe(2));
    await second.kill();
    for (let request = 0; request < 200; request++) expect((await ask('/nests/1')).status).toBe(200);
  }, 60_000);

  test('a service without an instance is unavailable, and available again with the first one', async () => {
    const eggs = await startService('eggs');
    await eventually(async () => expect((await ask('/eggs/1')).status).toBe(200));
    await eggs.stop();
    const gone = await ask('/eggs/1');
    expect(Number(gone.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await gone.json()).toMatchObject({ status: 503, code: 'service.unavailable' });
    const again = await startService('eggs');
    await eventually(async () => expect((await ask('/eggs/1')).status).toBe(200));
    await again.stop();
  }, 60_000);
});

describe('the merged OpenAPI document', () => {
  test('is valid, with unique names and resolvable references', async () => {
    const document = await eventually(async () => {
      const answer = await read('/openapi.json');
      expect(Object.keys(Object(answer.paths))).toEqual(
        expect.arrayContaining(['/birds/{id}', '/nests/{id}']),
      );
      return answer;
    });
    expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
    expect(document.servers).toEqual([{ url: gateway.url }]);
    expect(Object.keys(Object(document.paths))).toContain('/nests/things-of-nests/{id}');
    const { schemas, securitySchemes } = Object(document.components);
    const isShared = (name: string) => !/^(auth|gateway)\./.test(name);
    expect(Object.keys(schemas).filter(isShared).sort()).toEqual([
      'Problem',
      'birds.NewThing',
      'birds.Thing',
      'nests.NewThing',
      'nests.Thing',
    ]);
    expect(Object.keys(securitySchemes)).toEqual(['bearer']);

    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/([^/"]+)\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(0);
    for (const [, kind = '', name = ''] of references)
      expect(Object.keys(Object(document.components)[kind])).toContain(name);
    const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThanOrEqual(8);
  });

  test('is revalidated with 304', async () => {
    const etag = (await ask('/openapi.json')).headers.get('etag') ?? '';
    expect((await ask('/openapi.json', { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect(await (await ask('/docs')).text()).toContain('SwaggerUIBundle');
  });
});

describe("the gateway's own pages", () => {
  test('are JSON or a self-contained HTML page, by content negotiation', async () => {
    const status = await read('/');
    expect(status).toMatchObject({ name: 'Rookery gateway', services: { birds: { state: 'up' } } });
    const page = await ask('/', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
    const html = await page.text();
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(html).toContain('<a href="/birds/docs">birds</a>');
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  test('the public status contains no addresses', async () => {
    const port = new URL(birds.url).port;
    expect(JSON.stringify(await read('/'))).not.toContain(port);
    expect(JSON.stringify(await read('/openapi.json'))).not.toContain(port);
  });

  test('the route table requires an operator', async () => {
    expect((await ask('/routes')).status).toBe(401);
    expect((await ask('/routes', { headers: { authorization: await bearer([]) } })).status).toBe(403);
    const table = await read('/routes', { headers: { authorization: await bearer(['gateway:read']) } });
    expect(table.routes).toContainEqual({
      method: 'GET',
      path: '/birds/:id',
      service: 'birds',
      auth: 'public',
    });
    expect(table.routes).toContainEqual({
      method: 'GET',
      path: '/nests/things-of-nests/:id',
      service: 'nests',
      auth: 'public',
    });
    expect(Object(table.services).birds.instances[0]).toMatchObject({
      state: 'up',
      in_flight: 0,
      weight: 100,
    });
  });

  test("readiness reports the age of the registry's snapshot", async () => {
    const ready = await read('/readyz');
    expect(ready).toMatchObject({
      status: 'ready',
      dependencies: { registry: { status: 'up' }, routes: { status: 'up' } },
    });
    expect(Object(ready.dependencies).registry.detail).toMatch(/\d/);
    expect(await (await ask('/metrics')).text()).toContain('gateway_requests_total');
  });
});

test('while the registry is unavailable, the last snapshot is used', async () => {
  await registry.kill();
  for (let request = 0; request < 20; request++) expect((await ask('/birds/1')).status).toBe(200);
  expect((await ask('/readyz')).status).toBe(200);
});

const bearer = async (permissions: readonly string[]) => {
  const token = await new SignJWT({ username: 'operator', sid: 'session', roles: [], permissions })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject('1')
    .setJti('token')
    .setIssuer(TOKENS.JWT_ISSUER)
    .setAudience(TOKENS.JWT_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(SECRET));
  return `Bearer ${token}`;
};
