import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Reply, request } from './support/client';
import { cookieJar } from './support/cookie-jar';
import { eventually } from './support/eventually';
import { throttleRedisUrl } from './support/identity';
import { type StartedProcess, startProcess } from './support/processes';
import { rawConnection } from './support/raw-http';
import { testDatabase, uniqueName } from './support/servers';

/** Routes that the gateway transcodes to gRPC respond as the service itself does over HTTP. */

const PASSWORD = 'correct horse battery staple';
const ADMIN = 'transcoding_admin';

const processes: StartedProcess[] = [];
const databases: Awaited<ReturnType<typeof testDatabase>>[] = [];
let gateway: StartedProcess;
let auth: StartedProcess;
let users: StartedProcess;

beforeAll(async () => {
  databases.push(await testDatabase(), await testDatabase());
  const start = async (main: string, environment: Record<string, string>) => {
    const started = await startProcess(main, environment);
    processes.push(started);
    return started;
  };
  const { url: REGISTRY_URL } = await start('registry/main.ts', {});
  const shared = { REGISTRY_URL, REDIS_URL: throttleRedisUrl(), SIGN_INS_PER_ADDRESS: '1000' };
  [gateway, users, auth] = await Promise.all([
    start('gateway/main.ts', shared),
    start('services/users/main.ts', {
      ...shared,
      USERS_DATABASE_URL: databases[0]?.url ?? '',
      ADMIN_USERNAME: ADMIN,
      ADMIN_PASSWORD: PASSWORD,
    }),
    start('services/auth/main.ts', { ...shared, AUTH_DATABASE_URL: databases[1]?.url ?? '' }),
  ]);
  await eventually(async () => {
    const { body } = await request(gateway.url, 'GET', '/');
    expect(Object.keys(Object(body.services)).sort()).toEqual(['auth', 'users']);
    await register(gateway.url);
  });
}, 60_000);

afterAll(async () => {
  await Promise.all(processes.toReversed().map((process) => process.stop()));
  await Promise.all(databases.map(({ drop }) => drop()));
}, 60_000);

interface RequestParts {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

async function register(base: string) {
  const username = uniqueName('person').replace('-', '_');
  const body = { username, email: `${username}@example.com`, password: PASSWORD };
  const reply = await request(base, 'POST', '/auth/register', { body });
  expect(reply.status).toBe(201);
  return {
    username,
    reply,
    token: String(reply.body.access_token),
    refreshToken: String(reply.body.refresh_token),
  };
}

/** The parts of a response that are the same for two people. */
const comparable = ({ status, headers, body }: Reply) => ({
  status,
  headers: Object.fromEntries(
    ['content-type', 'cache-control', 'location', 'set-cookie', 'www-authenticate', 'x-content-type-options']
      .filter((name) => !(name === 'x-content-type-options' && status >= 400))
      .map((name) => [name, withoutNames(headers.get(name) ?? '')]),
  ),
  body: status >= 400 ? problemIn(body) : shapeOf(body),
});

const withoutNames = (text: string) =>
  text
    .replace(/person_\w+/, '<username>')
    .replace(/refresh_token=[\w-]+/, 'refresh_token=<token>')
    .replace(/device=[\w.-]+/, 'device=<device>');

const problemIn = ({ title, code, detail, errors, instance, type }: Record<string, unknown>) => ({
  title,
  code,
  detail,
  instance,
  type,
  fields: Array.isArray(errors) ? errors.map((error) => String(Object(error).field)).sort() : null,
});

/** Names and types, and the values that do not differ from person to person. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([name, inner]) => [name, shapeOf(inner)]),
    );
  return typeof value === 'string' ? 'text' : value;
}

/** Sends the same request to the gateway and to the service, each with a person of its own if needed. */
async function expectSame(
  service: () => StartedProcess,
  method: string,
  path: string,
  prepare: (base: string) => Promise<RequestParts> | RequestParts,
): Promise<Reply> {
  const throughGateway = await request(gateway.url, method, path, await prepare(gateway.url));
  const direct = await request(service().url, method, path, await prepare(service().url));
  expect(comparable(throughGateway)).toEqual(comparable(direct));
  return throughGateway;
}

const inAuth = () => auth;
const inUsers = () => users;

describe('registration and sign-in', () => {
  test('registration returns 201 with the location of the person and an HttpOnly cookie', async () => {
    const { reply } = await register(gateway.url);
    const { reply: direct } = await register(auth.url);
    expect(comparable(reply)).toEqual(comparable(direct));
    expect(reply.headers.get('set-cookie')).toContain('HttpOnly');
    expect(reply.headers.get('location')).toStartWith('/users/person_');
  });

  test('sign-in accepts a username or an email address', async () => {
    for (const named of ['username', 'email']) {
      const reply = await expectSame(inAuth, 'POST', '/auth/login', async (base) => {
        const { username } = await register(base);
        const name = named === 'email' ? { email: `${username}@example.com` } : { username };
        return { body: { ...name, password: PASSWORD } };
      });
      expect(reply.status).toBe(200);
    }
  });

  test('members that the contract does not name are rejected', async () => {
    for (const unknown of [{ remember: true }, { client: { address: '1.2.3.4' } }, { 'a b': 1 }]) {
      const body = { username: 'ada', password: PASSWORD, ...unknown };
      expect((await expectSame(inAuth, 'POST', '/auth/login', () => ({ body }))).status).toBe(422);
    }
  });

  test('parameters, bodies and content that the route does not read are rejected', async () => {
    const body = { username: 'ada', password: PASSWORD };
    const token = async (base: string) => ({ token: (await register(base)).token });
    for (const [method, path, parts] of [
      ['POST', '/auth/login?username=ada', () => ({ body })],
      ['POST', '/auth/login?a%20b=1', () => ({ body })],
      ['POST', '/auth/login', () => ({ body: '{"username":"a","username":"b","password":"c"}' })],
      ['POST', '/auth/logout', () => ({ body: 'null' })],
      ['POST', '/auth/logout', () => ({ body: '[]' })],
      ['GET', '/auth/me?fields=id', token],
      ['GET', '/auth/me?fields=id&fields=id', token],
    ] as const) {
      const reply = await expectSame(inAuth, method, path, parts);
      expect([method, path, reply.status]).toEqual([method, path, 422]);
    }
    await expectSame(inAuth, 'GET', '/auth/me?fields=id', () => ({}));
    expect((await expectSame(inAuth, 'POST', '/auth/logout', () => ({ body: {} }))).status).toBe(204);
    const { token: bearer } = await register(gateway.url);
    for (const url of [gateway.url, auth.url]) {
      const head = `GET /auth/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${bearer}\r\nConnection: close\r\n`;
      const connection = rawConnection(Number(new URL(url).port));
      connection.send(`${head}Content-Length: 2\r\n\r\n{}`);
      const [answer] = await connection.responses((responses) => responses.length > 0);
      expect(answer?.status).toBe(422);
      connection.end();
    }
  });

  test('text that is no Unicode is rejected', async () => {
    const body = { username: 'ada\ud800', password: PASSWORD };
    expect((await expectSame(inAuth, 'POST', '/auth/login', () => ({ body }))).status).toBe(422);
  });

  test('invalid sign-ins are rejected', async () => {
    const cases: [RequestParts, string][] = [
      [{ body: { username: uniqueName('nobody'), password: 'wrong' } }, 'auth.wrong-credentials'],
      [{ body: { username: 'a', email: 'a@b.example', password: 'x' } }, 'request.invalid'],
      [{ body: { username: 7, password: PASSWORD } }, 'request.invalid'],
      [{ body: { username: null, password: PASSWORD } }, 'request.invalid'],
      [{ body: { username: 'alice', password: '' } }, 'request.invalid'],
      [{ body: { username: 'alice', password: 'p'.repeat(300) } }, 'request.invalid'],
      [{ body: {} }, 'request.invalid'],
      [{ body: '{"username":' }, 'request.malformed'],
      [
        { body: 'username=alice', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
        'request.unsupported-media-type',
      ],
      [{ body: { username: 'alice', password: 'p'.repeat(1_100_000) } }, 'request.too-large'],
    ];
    for (const [parts, code] of cases) {
      const reply = await expectSame(inAuth, 'POST', '/auth/login', () => parts);
      expect(reply.body.code).toBe(code);
      expect(JSON.stringify(reply.body)).not.toContain(PASSWORD);
    }
  }, 30_000);

  test('a taken username and invalid registrations are rejected', async () => {
    const { username } = await register(gateway.url);
    const again = { username, email: 'else@example.com', password: PASSWORD };
    const taken = await expectSame(inAuth, 'POST', '/auth/register', () => ({ body: again }));
    expect(taken.body.code).toBe('user.username-taken');
    for (const body of [
      {},
      { ...again, username: 'x' },
      { ...again, password: 'short' },
      { ...again, email: 5 },
    ]) {
      const rejected = await expectSame(inAuth, 'POST', '/auth/register', () => ({ body }));
      expect(rejected.body.code).toBe('request.invalid');
    }
  });
});

describe('sessions', () => {
  const cookieOf = (refreshToken: string) => ({ cookie: `theme=dark; refresh_token=${refreshToken}; a=b` });

  test('are refreshed by cookie or body, and not without a valid token', async () => {
    const byCookie = await expectSame(inAuth, 'POST', '/auth/refresh', async (base) => ({
      headers: cookieOf((await register(base)).refreshToken),
    }));
    expect(byCookie.status).toBe(200);
    expect(byCookie.headers.get('set-cookie')).toContain(`refresh_token=${byCookie.body.refresh_token}`);
    const byBody = await expectSame(inAuth, 'POST', '/auth/refresh', async (base) => ({
      body: { refresh_token: (await register(base)).refreshToken },
    }));
    expect(byBody.status).toBe(200);
    const without = await expectSame(inAuth, 'POST', '/auth/refresh', () => ({}));
    expect(without.body.code).toBe('auth.refresh-refused');
    const empty = await expectSame(inAuth, 'POST', '/auth/refresh', () => ({ body: { refresh_token: '' } }));
    expect(empty.body.code).toBe('request.invalid');
    await expectSame(inAuth, 'POST', '/auth/refresh', () => ({ headers: cookieOf('unknown') }));
  });

  for (const prefix of ['', '/v1', '/auth', '/v1/auth'])
    test(`are kept by a browser's cookies below "${prefix}": sign-in, refresh, sign-out`, async () => {
      const { username } = await register(gateway.url);
      const jar = cookieJar();
      const post = async (path: string, body?: object) => {
        const headers = jar.fieldFor(prefix + path);
        const reply = await request(gateway.url, 'POST', prefix + path, { body, headers });
        jar.receive(prefix + path, reply.headers);
        return reply;
      };
      expect((await post('/auth/login', { username, password: PASSWORD })).status).toBe(200);
      expect(Object.keys(jar.fieldFor('/elsewhere'))).toEqual([]);
      for (let count = 0; count < 2; count++) expect((await post('/auth/refresh')).status).toBe(200);
      // The session, and the device, which is recognized after the session as well.
      expect(jar.size).toBe(2);
      const stale = jar.fieldFor(`${prefix}/auth/refresh`);
      expect((await post('/auth/logout')).status).toBe(204);
      expect(jar.size).toBe(1);
      // A rejected cookie is deleted by the problem that rejects it.
      const rejected = /refresh_token=[\w-]+/.exec(stale.cookie ?? '')?.[0];
      jar.receive('/', new Headers({ 'set-cookie': `${rejected}; Path=${prefix}/auth` }));
      expect((await post('/auth/refresh')).status).toBe(401);
      expect(jar.size).toBe(1);
    });

  test('are not for pages of other origins', async () => {
    for (const path of ['/auth/refresh', '/auth/logout', '/auth/login'])
      for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
        const body = path === '/auth/login' ? { username: 'nobody', password: 'nothing-of-use' } : undefined;
        const { status, body: refused } = await expectSame(inAuth, 'POST', path, async (base) => ({
          body,
          headers: { ...headers, ...cookieOf((await register(base)).refreshToken) },
        }));
        expect([status, refused.code]).toEqual([403, 'request.foreign-origin']);
      }
  });

  test('below a version and a prefix, the location of the person is the one the client can follow', async () => {
    for (const [prefix, location] of [
      ['/v1', '/v1/users/'],
      ['/auth', '/users/'],
      ['/v1/auth', '/v1/users/'],
    ]) {
      const { reply, token } = await register(`${gateway.url}${prefix}`);
      const found = reply.headers.get('location') ?? '';
      expect(found).toStartWith(`${location}person_`);
      expect((await request(gateway.url, 'GET', found, { token })).status).toBe(200);
    }
  });

  test('end with 204 and a cleared cookie, and their tokens become invalid', async () => {
    let ended = { token: '', refreshToken: '' };
    const reply = await expectSame(inAuth, 'POST', '/auth/logout', async (base) => {
      ended = await register(base);
      return { token: ended.token, headers: cookieOf(ended.refreshToken) };
    });
    expect(reply.status).toBe(204);
    expect(reply.headers.get('set-cookie')).toContain('Max-Age=0');
    const me = await expectSame(inAuth, 'GET', '/auth/me', () => ({ token: ended.token }));
    expect(me.status).toBe(401);
    await expectSame(inAuth, 'POST', '/auth/refresh', () => ({ headers: cookieOf(ended.refreshToken) }));
    expect((await expectSame(inAuth, 'POST', '/auth/logout', () => ({}))).status).toBe(204);
  });

  test('identify the caller, for HEAD too, and not without a valid token', async () => {
    const me = await expectSame(inAuth, 'GET', '/auth/me', async (base) => ({
      token: (await register(base)).token,
    }));
    expect(me.body).toMatchObject({ roles: ['user'], email: expect.stringContaining('@') });
    await expectSame(inAuth, 'GET', '/auth/me', () => ({}));
    await expectSame(inAuth, 'GET', '/auth/me', () => ({ token: 'nonsense' }));
    for (const authorization of ['Bearer', 'Basic YTpi', 'Bearer a b', 'Bearer \xe9'])
      await expectSame(inAuth, 'GET', '/auth/me', () => ({ headers: { authorization } }));
    const { token } = await register(gateway.url);
    const head = await fetch(`${gateway.url}/auth/me`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${token}` },
    });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test("record the client's address and user agent", async () => {
    const { token } = await register(gateway.url);
    const { body } = await request(gateway.url, 'GET', '/auth/sessions', {
      token,
      headers: { 'user-agent': 'another' },
    });
    expect(body.items).toMatchObject([{ address: '127.0.0.1', user_agent: expect.stringContaining('Bun') }]);
  });
});

describe('my profile', () => {
  const change = { display_name: 'Käthe ☀', bio: 'Birds', locale: 'de-CH', date_of_birth: '1990-02-28' };

  test('is updated with PUT and PATCH, which return the whole profile', async () => {
    for (const method of ['PUT', 'PATCH']) {
      const reply = await expectSame(inUsers, method, '/users/me', async () => ({
        token: (await register(gateway.url)).token,
        body: change,
      }));
      expect(reply.status).toBe(200);
      expect(reply.body).toMatchObject({ ...change, followers_count: 0, avatar_url: null, active: true });
    }
  });

  test('is checked for authentication before validation, and rejects invalid profiles', async () => {
    const unauthenticated = await expectSame(inUsers, 'PUT', '/users/me', () => ({
      body: { display_name: 5 },
    }));
    expect(unauthenticated.body.code).toBe('auth.unauthenticated');
    const { token } = await register(gateway.url);
    for (const body of [
      { display_name: 5, bio: [] },
      { locale: '!' },
      { avatar_url: null },
      { bio: 'b'.repeat(501) },
    ]) {
      const rejected = await expectSame(inUsers, 'PUT', '/users/me', () => ({ token, body }));
      expect(rejected.body.code).toBe('request.invalid');
    }
    const unchanged = await expectSame(inUsers, 'PATCH', '/users/me', () => ({ token, body: {} }));
    expect(unchanged.status).toBe(200);
  });
});

test('the gateway calls the service over gRPC', async () => {
  await register(gateway.url);
  const measured = async ({ url }: StartedProcess) => (await fetch(`${url}/metrics`)).text();
  expect(await measured(gateway)).toMatch(/grpc_client_handling_seconds_count\{[^}]*grpc_method="Register"/);
  expect(await measured(auth)).toMatch(/grpc_server_handling_seconds_count\{[^}]*grpc_method="Register"/);
});

test('operators see the gRPC method of a route, and the OpenAPI document contains the route', async () => {
  const { body } = await eventually(async () => {
    const signedIn = await request(gateway.url, 'POST', '/auth/login', {
      body: { username: ADMIN, password: PASSWORD },
    });
    expect(signedIn.status).toBe(200);
    return signedIn;
  });
  const { body: table } = await request(gateway.url, 'GET', '/routes', { token: String(body.access_token) });
  expect(table.routes).toContainEqual(
    expect.objectContaining({
      method: 'PATCH',
      path: '/users/me',
      grpc_method: 'users.v1.UsersService/UpdateMe',
    }),
  );
  await eventually(async () => {
    const { body: document } = await request(gateway.url, 'GET', '/openapi.json');
    for (const path of ['/auth/register', '/auth/me', '/users/me'])
      expect(Object.keys(Object(document.paths))).toContain(path);
  });
});

test('the request id is propagated through all processes', async () => {
  const headers = { 'x-request-id': 'request-of-this-test' };
  const reply = await request(gateway.url, 'GET', '/auth/me', { headers });
  expect(reply.headers.get('x-request-id')).toBe('request-of-this-test');
  expect(reply.body.request_id).toBe('request-of-this-test');
  await eventually(() => expect(auth.output()).toContain('request-of-this-test'));
});

test('without instances the gateway responds with 503', async () => {
  const stopping = processes.indexOf(auth);
  await auth.stop();
  processes.splice(stopping, 1);
  const reply = await request(gateway.url, 'GET', '/auth/me');
  expect(reply.body).toMatchObject({ status: 503, code: 'service.unavailable' });
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
});
