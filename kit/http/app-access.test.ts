import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { access } from './access';
import { platform } from './platform';
import { routeClaims } from './route-claims';

const { verifier, authorization } = await testTokens();
const ADA = { id: '0190a7a6-0000-7000-8000-000000000001', username: 'ada' };
const APP = '0190a7a6-0000-7000-8000-00000000000a';
const nameOf = ({ caller }: { caller: { username: string } | null }) => caller?.username ?? 'nobody';

const app = new Elysia()
  .use(platform(testRuntime('test')))
  .use(access(verifier))
  .get('/named', nameOf, { user: true, scope: 'read:statuses' })
  // The order of the options is of no consequence.
  .get('/before', nameOf, { scope: 'read:statuses', user: true })
  .get('/optional', nameOf, { optionalUser: true, scope: 'read:statuses' })
  .get('/unnamed', nameOf, { user: true })
  .get('/unnamed/optional', nameOf, { optionalUser: true })
  .post('/recent', nameOf, { user: true, recentSignIn: true })
  .get('/operators', nameOf, { permission: 'users:manage' })
  .get('/public', () => 'everybody', { public: true });

async function answerOf(path: string, token: string | undefined, method = 'GET') {
  const headers = token === undefined ? {} : { authorization: token };
  const response = await app.handle(new Request(`http://localhost${path}`, { method, headers }));
  const text = await response.text();
  return response.ok ? text : [response.status, JSON.parse(text).code];
}

const tokenOf = (...scopes: string[]) => authorization(ADA, ['users:manage'], { app: { id: APP, scopes } });
const REFUSED = [403, 'auth.insufficient-scope'];

test('an app reaches what it holds the scope of, for the user who has allowed it', async () => {
  for (const scopes of [['read:statuses'], ['write', 'read']]) {
    const token = await tokenOf(...scopes);
    // The second time the token is known.
    for (const path of ['/named', '/named', '/before', '/optional'])
      expect(await answerOf(path, token)).toBe('ada');
  }
});

test('an app without the scope of a route is refused, and told which one it needs', async () => {
  for (const scopes of [[], ['openid'], ['write:statuses'], ['read:media', 'write']]) {
    const token = await tokenOf(...scopes);
    for (const path of ['/named', '/named', '/before', '/optional'])
      expect(await answerOf(path, token)).toEqual(REFUSED);
  }
  const { headers } = await app.handle(
    new Request('http://localhost/named', { headers: { authorization: await tokenOf('write') } }),
  );
  expect(headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope", scope="read:statuses"');
});

test('where a route names no scope, no app is admitted, whatever it holds and its user may', async () => {
  const token = await tokenOf('read', 'write', 'follow', 'push', 'openid');
  for (const path of ['/unnamed', '/unnamed/optional', '/operators'])
    expect(await answerOf(path, token)).toEqual(REFUSED);
  expect(await answerOf('/recent', token, 'POST')).toEqual(REFUSED);
  expect(await answerOf('/public', token)).toBe('everybody');
});

test('people themselves need no scope', async () => {
  const token = await authorization(ADA, ['users:manage']);
  for (const path of ['/named', '/before', '/optional', '/unnamed', '/unnamed/optional', '/operators'])
    expect(await answerOf(path, token)).toBe('ada');
});

test('an app that acts for nobody is nobody where users are optional, and refused where one is needed', async () => {
  const alone = await authorization({ id: APP, username: '' }, [], { app: { id: APP, scopes: ['read'] } });
  expect(await answerOf('/optional', alone)).toBe('nobody');
  expect(await answerOf('/named', alone)).toEqual([401, 'auth.unauthenticated']);
  expect(await answerOf('/unnamed/optional', alone)).toEqual(REFUSED);
});

test('through an app nobody has permissions', async () => {
  const token = (await tokenOf('read')).replace('Bearer ', '');
  expect((await verifier.verify(token, 'read:statuses')).permissions).toEqual([]);
});

test('a verifier that is told no scope refuses apps, and identifies them', async () => {
  const token = (await tokenOf('read', 'write')).replace('Bearer ', '');
  await expect(verifier.verify(token)).rejects.toMatchObject({
    status: 403,
    code: 'auth.insufficient-scope',
  });
  expect((await verifier.identify(token)).app).toEqual({ id: APP, scopes: ['read', 'write'] });
});

test('the registry is told the scope; an unknown one, or one where no app is admitted, prevents the start', () => {
  expect(routeClaims(app)).toContainEqual({
    method: 'GET',
    path: '/before',
    auth: 'user',
    scope: 'read:statuses',
  });
  const appWith = (detail: object) => new Elysia().get('/things', () => 'all', { detail });
  const scope = { 'x-scope': 'read:statuses' };
  expect(() => routeClaims(appWith({ 'x-access': 'user', 'x-scope': 'read:minds' }))).toThrow(
    'unknown scope',
  );
  for (const detail of [
    { ...scope, 'x-access': 'public' },
    { ...scope, 'x-access': 'posts:moderate' },
    { ...scope, 'x-access': 'user', 'x-recent-sign-in': true },
  ])
    expect(() => routeClaims(appWith(detail))).toThrow('admits no app');
});

test('a misspelt scope does not compile', () => {
  const misspelt = () => {
    const app = new Elysia().use(access(verifier));
    // @ts-expect-error: it is called read:statuses
    return app.get('/things', () => 'all', { user: true, scope: 'read:status' });
  };
  expect(() => routeClaims(misspelt())).toThrow('unknown scope');
});
