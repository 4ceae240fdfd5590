import { describe, expect, test } from 'bun:test';
import type { Registration } from '#contracts/registry';
import { completed, registrationProblems } from './registration-rules';

const problemsOf = (more: Partial<Registration>, requiresProof = false, verifiesTls = false) =>
  registrationProblems(completed({ name: 'birds', host: '127.0.0.1', port: 5_100, ...more }), {
    requiresProof,
    verifiesTls,
  });
const ofRoute = (route: Partial<NonNullable<Registration['routes']>[number]>) =>
  problemsOf({ routes: [{ method: 'GET', path: '/birds', ...route }] });
const messageOf = (path: string, more: object = {}) => ofRoute({ path, ...more })[0]?.message ?? 'accepted';

describe('a path', () => {
  const refused: [string, RegExp][] = [
    ['birds', /Begin a path with/],
    ['/birds/{id}', /segment `:name`, not as `\{name\}`/],
    ['/birds/<id>', /segment `:name`/],
    ['/birds/*/nest', /`\*` once, as the last segment/],
    ['/birds/a*', /`\*` as a whole segment/],
    ['/birds/ a', /Leave out blanks/],
    ['/birds?x=1', /Leave out the query/],
    ['/birds#x', /Leave out the query and the fragment/],
    ['/birds//a', /empty segments/],
    ['/birds/../a', /Leave out `\.` and `\.\.`/],
    ['/birds/:', /Name a parameter/],
    ['/birds/:id?', /Leave out the query/],
    ['/birds/:b-c', /Name a parameter/],
    ['/birds/%61', /without percent-encoding/],
    ['/birds/é', /static segments/],
    ['/', /gateway serves `\/` itself/],
    ['/:name', /static segment/],
    ['/*', /static segment/],
    ['/v1/birds', /Leave `\/v1` out/],
    ['/docs/birds', /gateway serves this path itself/],
    ['/metrics', /gateway serves this path itself/],
    ['/.well-known/registry/x', /never routed/],
    ['/.well-known/:name/x', /never routed/],
  ];
  test.each(refused)('%s is refused in words that tell the right form', (path, words) => {
    expect(messageOf(path)).toMatch(words);
    expect(messageOf(path)).not.toContain('birds');
  });

  test('of a static segment, parameters and a final wildcard is accepted', () => {
    for (const path of [
      '/birds',
      '/birds/',
      '/birds/:id/nests/:nest_id',
      '/birds/*',
      '/.well-known/birds.json',
    ])
      expect(messageOf(path)).toBe('accepted');
    for (const path of ['/', '/:id', '/*', '/docs-of-birds'])
      expect(messageOf(path, { prefix_only: true })).toBe('accepted');
  });
});

test('methods that are none are refused', () => {
  expect(ofRoute({ method: 'get' })).toEqual([
    { field: 'routes.0.method', message: 'Write methods in capitals, like `GET`.' },
  ]);
  for (const method of ['BREW', 'CONNECT', 'TRACE', ''])
    expect(ofRoute({ method })[0]?.message).toMatch(/^Use one of GET, HEAD/);
});

test('an access rule that the gateway cannot enforce is refused, unless the service enforces it', () => {
  for (const auth of ['public', 'optional', 'user', 'posts:moderate']) expect(ofRoute({ auth })).toEqual([]);
  for (const auth of ['optional', 'user'])
    expect([
      ofRoute({ auth, scope: 'read:statuses' }),
      ofRoute({ auth, scope: 'read:minds' })[0]?.field,
    ]).toEqual([[], 'routes.0.scope']);
  for (const auth of ['public', 'posts:moderate'])
    expect(ofRoute({ auth, scope: 'read:statuses' })[0]?.field).toBe('routes.0.scope');
  for (const auth of ['service', 'admin', 'User', 'a:', ''])
    expect(ofRoute({ auth })[0]?.field).toBe('routes.0.auth');
  const routes = [{ method: 'GET', path: '/birds', auth: 'service' }];
  expect(problemsOf({ routes, auth_by: 'service' })).toEqual([]);
});

test('names of the gateway and of versions are reserved, as prefixes too', () => {
  for (const name of ['v1', 'v2', 'docs', 'health', 'metrics', 'gateway', 'registry', 'openapi'])
    expect(problemsOf({ name })[0]?.field).toBe('name');
  expect(problemsOf({ prefixes: ['birds', 'docs'] })).toMatchObject([{ field: 'prefixes.1' }]);
});

test('a health check instead of a proof is refused where proofs are required', () => {
  const check = { verify: 'http', health_path: '/health' } as const;
  expect(problemsOf(check)).toEqual([]);
  expect(problemsOf(check, true)).toMatchObject([{ field: 'verify' }]);
  expect(problemsOf({ verify: 'http' })).toMatchObject([{ field: 'health_path' }]);
  expect(problemsOf({ health_path: '/health' })).toMatchObject([{ field: 'health_path' }]);
  expect(problemsOf({ ...check, grpc_port: 5_150 })).toMatchObject([{ field: 'grpc_port' }]);
  expect(problemsOf({ grpc_port: 5_100 })).toMatchObject([{ field: 'grpc_port' }]);
  expect(problemsOf({ openapi: '/openapi.json', routes: [{ method: 'GET', path: '/a' }] })).toMatchObject([
    { field: 'openapi' },
  ]);
});

test('TLS is refused where the registry could not verify it', () => {
  expect(problemsOf({ tls: true })).toMatchObject([{ field: 'tls' }]);
  expect(problemsOf({ tls: false })).toEqual([]);
  expect(problemsOf({ tls: true }, true, true)).toEqual([]);
});

test('name, host and port suffice for everything below the name', () => {
  expect(completed({ name: 'birds', host: '::1', port: 5_100 })).toMatchObject({
    version: '0.0.0',
    prefixes: ['birds'],
    routes: [
      { method: 'ALL', path: '/', auth: 'public', prefix_only: true },
      { method: 'ALL', path: '/*', auth: 'public', prefix_only: true },
    ],
  });
});
