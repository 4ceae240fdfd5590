import { describe, expect, test } from 'bun:test';
import type { Instance, RouteClaim } from '#contracts/registry';
import type { Decision } from '../model/decision';
import { readContracts } from '../transcoding/contracts';
import { findTranscodedIn, transcodedRoutes } from '../transcoding/rules';
import { createDecide } from './decide';
import { createDirectory } from './directory';

const findTranscoded = findTranscodedIn(transcodedRoutes(await readContracts()));

const LOCAL_ROUTES = ['/', '/health', '/docs', '/docs/assets/:name'].map((path) => ({ method: 'GET', path }));

const NONE: ReadonlySet<string> = new Set();

/** A registry with a table controlled by the test. */
function createRegistry() {
  const services: Record<string, Instance[]> = {};
  let isReady = true;
  let tell: (names: readonly string[]) => void = () => undefined;
  return {
    snapshot: () => ({ epoch: 'test', revision: 1, services }),
    instances: (name: string) => services[name] ?? [],
    onChange(listener: (names: readonly string[]) => void) {
      tell = listener;
      return () => undefined;
    },
    revision: () => 1,
    ageMs: () => (isReady ? 10 : Number.POSITIVE_INFINITY),
    isSettled: () => isReady,
    setReady: (ready: boolean) => {
      isReady = ready;
    },
    set(name: string, instances: Instance[] | undefined) {
      if (instances) services[name] = instances;
      else delete services[name];
      tell([name]);
    },
  };
}

function instance(
  name: string,
  routes: readonly (string | RouteClaim)[],
  changes: Partial<Instance> = {},
): Instance {
  return {
    instance_id: `${name}-1`,
    name,
    version: '1.0.0',
    host: '127.0.0.1',
    port: 5100,
    weight: 100,
    metadata: {},
    routes: routes.map((route) => (typeof route === 'string' ? claim(route) : route)),
    prefixes: [name],
    state: 'up',
    protected: false,
    registered_at: '2026-01-01T00:00:00.000Z',
    changed_at_revision: 1,
    ...changes,
  };
}

function claim(route: string): RouteClaim {
  const [method = '', path = ''] = route.split(' ');
  return { method, path, auth: 'public' };
}

const USERS = [
  'POST /register',
  'GET /users/:username',
  'GET /users/:username/followees',
  'POST /users/follow/:username',
];

function setUp() {
  const registry = createRegistry();
  const directory = createDirectory(registry, { findTranscoded });
  const decide = createDecide(directory, LOCAL_ROUTES, async ({ target }) => new Response(target));
  registry.set('users', [instance('users', USERS)]);
  registry.set('media', [
    instance(
      'media',
      [
        'GET /files/:id',
        'PROPFIND /files/:id',
        { ...claim('POST /files/upload'), body_bytes: 5_000_000, timeout_ms: 60_000 },
      ],
      {
        prefixes: ['media', 'basement'],
      },
    ),
  ]);
  registry.set('accounts', [
    instance('accounts', [
      'GET /accounts/user/:user_id',
      { ...claim('POST /users'), prefix_only: true },
      { ...claim('GET /users/:id'), prefix_only: true },
    ]),
  ]);
  const decisionOf = (request: string): Decision => {
    const [method = '', target = ''] = request.split(' ');
    return decide({ method, target, httpVersion: '1.1', headers: [] });
  };
  return { registry, decisionOf };
}

/** A decision in one line. */
function summaryOf(decision: Decision): string {
  if (decision.kind === 'local') return `local ${decision.prefix}|${decision.target}`;
  if (decision.kind === 'options') return `options ${decision.lines.trim()}`;
  if (decision.kind === 'reject') {
    const { status, code, headers } = decision.problem;
    return [status, code, headers.allow].filter((part) => part !== undefined).join(' ');
  }
  if (decision.kind === 'transcode') return `${decision.service} ${decision.route} by gRPC`;
  return `${decision.service} ${decision.route} ${decision.target}`;
}

describe('routing decisions', () => {
  const { decisionOf } = setUp();
  const cases: [string, string][] = [
    ['GET /', 'local |/'],
    ['HEAD /health', 'local |/health'],
    ['GET /docs/assets/swagger-ui.css', 'local |/docs/assets/swagger-ui.css'],
    ['POST /health', '405 route.method-not-allowed GET, HEAD, OPTIONS'],
    ['BREW /health', '501 request.not-implemented'],
    ['BREW /users/alice', '405 route.method-not-allowed GET, HEAD'],
    ['BREW /unknown', '404 route.not-found'],
    ['PROPFIND /files/7', 'media /files/:id /files/7'],
    ['PROPFIND /health', '405 route.method-not-allowed GET, HEAD, OPTIONS'],
    ['PROPFIND /unknown', '404 route.not-found'],
    ['OPTIONS *', 'options Allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT'],
    ['OPTIONS /', 'options Allow: GET, HEAD, OPTIONS'],
    ['OPTIONS /health', 'options Allow: GET, HEAD, OPTIONS'],
    ['OPTIONS /users/alice', 'options Allow: GET, HEAD, OPTIONS'],
    ['OPTIONS /accounts/users', 'options Allow: POST, OPTIONS'],
    ['OPTIONS /unknown', '404 route.not-found'],
    ['GET /users/alice', 'users /users/:username /users/alice'],
    ['HEAD /users/alice', 'users /users/:username /users/alice'],
    ['GET /users/alice?fields=name', 'users /users/:username /users/alice?fields=name'],
    ['POST /register', 'users /register /register'],
    ['GET /users/users/alice', 'users /users/:username /users/alice'],
    ['POST /users/register', 'users /register /register'],
    ['POST /accounts/users', 'accounts /users /users'],
    ['GET /accounts/users/7?x=1', 'accounts /users/:id /users/7?x=1'],
    ['GET /accounts/user/7', 'accounts /accounts/user/:user_id /accounts/user/7'],
    ['POST /basement/files/upload', 'media /files/upload /files/upload'],
    ['POST /media/files/upload', 'media /files/upload /files/upload'],
    ['GET /v1/users/alice', 'users /users/:username /users/alice'],
    ['GET /v1/basement/files/7?x=1', 'media /files/:id /files/7?x=1'],
    ['GET /users/docs', 'users /docs /docs'],
    ['GET /basement/docs/assets/swagger-ui.css', 'media /docs/* /docs/assets/swagger-ui.css'],
    ['GET /users/openapi.json', 'users /openapi.json /openapi.json'],
    ['GET /v1/users/health', 'users /health /health'],
    ['GET /accounts/metrics', '404 route.not-found'],
    ['GET /v1/health', 'local /v1|/health'],
    ['GET /v1/health/?x=1', 'local /v1|/health/?x=1'],
    ['GET /v1', 'local /v1|/'],
    ['GET /v1/?x=1', 'local /v1|/?x=1'],
    ['GET /gateway', 'local |/'],
    ['GET /gateway/docs', 'local |/docs'],
    ['GET /v1/gateway/docs', 'local /v1|/docs'],
    ['OPTIONS /v1/health', 'options Allow: GET, HEAD, OPTIONS'],
    ['POST /v1/health', '405 route.method-not-allowed GET, HEAD, OPTIONS'],
    ['GET /gateways/docs', '404 route.not-found'],
    ['GET /gateway/unknown', '404 route.not-found'],
    ['GET /v12/health', '404 route.not-found'],
    ['GET /v2/users/alice', '404 route.not-found'],
    ['GET /basement', '404 route.not-found'],
    ['GET /unknown', '404 route.not-found'],
    ['PATCH /users/alice', '405 route.method-not-allowed GET, HEAD'],
    ['DELETE /v1/users/alice', '405 route.method-not-allowed GET, HEAD'],
    ['GET /accounts/users', '405 route.method-not-allowed POST'],
    ['GET /users/../admin', '400 request.path-refused'],
    ['GET /basement/..%2fusers', '400 request.path-refused'],
  ];
  for (const [request, decision] of cases)
    test(`${request} → ${decision}`, () => expect(summaryOf(decisionOf(request))).toBe(decision));
});

test('limits are those of the route, else the defaults', () => {
  const { decisionOf } = setUp();
  const upload = decisionOf('POST /basement/files/upload');
  const read = decisionOf('GET /files/7');
  expect(upload.kind === 'forward' && upload.limits).toEqual({
    bodyBytes: 5_000_000,
    requestTimeoutMs: 60_000,
    tryTimeoutMs: 60_000,
    hedgeMs: 0,
  });
  expect(read.kind === 'forward' && read.limits).toEqual({
    bodyBytes: 1024 * 1024,
    requestTimeoutMs: 30_000,
    tryTimeoutMs: 5_000,
    hedgeMs: 0,
  });
});

test('before the first snapshot, unknown paths are unavailable', () => {
  const { registry, decisionOf } = setUp();
  registry.setReady(false);
  expect(summaryOf(decisionOf('GET /unknown'))).toBe('503 service.unavailable');
  expect(summaryOf(decisionOf('GET /health'))).toBe('local |/health');
});

describe('as instances change', () => {
  test('a new instance is picked at once, and a removed one is not', () => {
    const { registry, decisionOf } = setUp();
    const second = instance('users', USERS, { instance_id: 'users-2', port: 5101 });
    registry.set('users', [second]);
    const decision = decisionOf('GET /users/alice');
    expect(decision.kind === 'forward' && decision.pick(NONE, true)).toMatchObject({
      instanceId: 'users-2',
      port: 5101,
    });
    expect(decision.kind === 'forward' && decision.pick(new Set(['users-2']), true)).toBeNull();
  });

  test('a decision that was kept for a popular target is made anew', () => {
    const { registry, decisionOf } = setUp();
    const decisions = Array.from({ length: 4 }, () => decisionOf('GET /users/alice'));
    expect(decisions[3]).toBe(decisions[2]);
    registry.set('users', [instance('users', ['GET /users/:other'])]);
    expect(summaryOf(decisionOf('GET /users/alice'))).toBe('users /users/:other /users/alice');
    registry.set('users', []);
    expect(summaryOf(decisionOf('GET /users/alice'))).toBe('503 service.unavailable');
    registry.set('users', [instance('users', USERS)]);
    expect(summaryOf(decisionOf('GET /users/alice'))).toBe('users /users/:username /users/alice');
  });

  test('an earlier decision picks from the current instances', () => {
    const { registry, decisionOf } = setUp();
    const decision = decisionOf('GET /users/alice');
    registry.set('users', []);
    expect(decision.kind === 'forward' && decision.pick(NONE, true)).toBeNull();
  });

  test('a service without instances is unavailable, until the registry removes it', () => {
    const { registry, decisionOf } = setUp();
    registry.set('users', []);
    const decision = decisionOf('GET /users/alice');
    expect(summaryOf(decision)).toBe('503 service.unavailable');
    expect(decision.kind === 'reject' && decision.problem.headers['retry-after']).toBeDefined();
    registry.set('users', undefined);
    expect(summaryOf(decisionOf('GET /users/alice'))).toBe('404 route.not-found');
  });

  test('a service without instances at startup is known by its prefix', () => {
    const { registry, decisionOf } = setUp();
    registry.set('polls', []);
    expect(summaryOf(decisionOf('GET /polls/7'))).toBe('503 service.unavailable');
    registry.set('polls', [instance('polls', ['GET /polls/:id'])]);
    expect(summaryOf(decisionOf('GET /polls/7'))).toBe('polls /polls/:id /polls/7');
    expect(summaryOf(decisionOf('GET /polls/7/8'))).toBe('404 route.not-found');
  });

  test('a service with only starting or draining instances is unavailable', () => {
    const { registry, decisionOf } = setUp();
    registry.set('users', [instance('users', USERS, { state: 'draining' })]);
    expect(summaryOf(decisionOf('GET /users/alice'))).toBe('503 service.unavailable');
  });

  test('while versions differ, the routes of both apply, with the higher limits', () => {
    const { registry, decisionOf } = setUp();
    const posts = { ...claim('POST /posts'), body_bytes: 10 };
    registry.set('timelines', [
      instance('timelines', [posts]),
      instance('timelines', ['GET /feed', { ...posts, body_bytes: 20 }], { instance_id: 'timelines-2' }),
    ]);
    expect(summaryOf(decisionOf('GET /feed'))).toBe('timelines /feed /feed');
    const decision = decisionOf('POST /posts');
    expect(decision.kind === 'forward' && decision.limits.bodyBytes).toBe(20);
  });

  test('a route is what it was registered as, while versions differ only what both are', () => {
    const { registry, decisionOf } = setUp();
    const posts: RouteClaim = { ...claim('POST /posts'), idempotency_key: true, cors: 'public' };
    registry.set('timelines', [instance('timelines', [posts])]);
    expect(decisionOf('POST /posts')).toMatchObject({ honoursIdempotencyKey: true, isPublicToPages: true });
    registry.set('timelines', [
      instance('timelines', [posts]),
      instance('timelines', ['POST /posts'], { instance_id: 'timelines-2' }),
    ]);
    expect(decisionOf('POST /posts')).toMatchObject({ honoursIdempotencyKey: false, isPublicToPages: false });
  });

  test('of two services that claim a route the older owns it, in any order of registration', () => {
    for (const order of [['older', 'younger'] as const, ['younger', 'older'] as const]) {
      const { registry, decisionOf } = setUp();
      for (const name of order)
        registry.set(name, [
          instance(name, ['GET /shared'], {
            registered_at: `2026-01-0${name === 'older' ? 1 : 2}T00:00:00.000Z`,
          }),
        ]);
      expect(summaryOf(decisionOf('GET /shared'))).toBe('older /shared /shared');
      expect(summaryOf(decisionOf('GET /younger/shared'))).toBe('younger /shared /shared');
    }
  });

  test('a service without instances loses its routes to a running one', () => {
    const { registry, decisionOf } = setUp();
    registry.set('old', [instance('old', ['GET /shared'])]);
    registry.set('old', []);
    registry.set('new', [instance('new', ['GET /shared'], { registered_at: '2026-02-01T00:00:00.000Z' })]);
    expect(summaryOf(decisionOf('GET /shared'))).toBe('new /shared /shared');
  });
});

describe('a route of the contracts', () => {
  const ROUTES = ['PUT /users/me', 'GET /users/:username'];
  const { registry, decisionOf } = setUp();
  const grpc = { grpc_port: 5150 };

  test('is transcoded where an instance serves gRPC, at its own path, below a prefix and under a version', async () => {
    registry.set('users', [instance('users', ROUTES, grpc)]);
    for (const path of ['/users/me', '/users/users/me', '/v1/users/me']) {
      const decision = decisionOf(`PUT ${path}?x=1`);
      expect(summaryOf(decision)).toBe('users /users/me by gRPC');
      if (decision.kind !== 'transcode') throw new Error('not transcoded');
      const answer = await decision.respond(new Request('http://gateway'), '127.0.0.1');
      expect(await answer.text()).toBe('/users/me?x=1');
    }
    expect(summaryOf(decisionOf('GET /users/alice'))).toBe('users /users/:username /users/alice');
  });

  test('is forwarded over HTTP while no instance serves gRPC, and unavailable without any', () => {
    registry.set('users', [
      instance('users', ROUTES),
      instance('users', ROUTES, { ...grpc, instance_id: 'users-2', state: 'draining' }),
    ]);
    expect(summaryOf(decisionOf('PUT /users/me'))).toBe('users /users/me /users/me');
    registry.set('users', []);
    expect(summaryOf(decisionOf('PUT /users/me'))).toBe('503 service.unavailable');
  });

  test('is served only where its service claims it', () => {
    registry.set('users', [instance('users', ['GET /users/:username'], grpc)]);
    expect(summaryOf(decisionOf('PUT /users/me'))).toBe('405 route.method-not-allowed GET, HEAD');
  });
});

test.each([
  '/hello/.well-known/registry/id?challenge=x',
  '/hello/.well-known/registry/id/more',
  '/hello/%2Ewell-known/registry/id?challenge=x',
  '/hello/.Well-Known/REGISTRY/id?challenge=x',
  '/hello/.well-known/registry',
  '/v1/hello/.well-known/registry/id?challenge=x',
  '/other-name/.well-known/registry/id',
])('the registry alone challenges an address: %s is not routed', (target) => {
  const { decisionOf, registry } = setUp();
  const routes = ['/*', '/:a/:b/:c', '/:a/*', '/.well-known/:b/:c'].flatMap((path) =>
    ['GET', 'POST'].map((method) => ({ method, path, auth: 'public', prefix_only: true })),
  );
  registry.set('hello', [instance('hello', routes, { prefixes: ['hello', 'other-name'] })]);
  for (const method of ['GET', 'POST', 'HEAD', 'OPTIONS'])
    expect(decisionOf(`${method} ${target}`)).not.toMatchObject({ kind: 'forward' });
  expect(decisionOf('GET /hello/.well-known/security.txt')).toMatchObject({
    kind: 'forward',
    target: '/.well-known/security.txt',
  });
});
