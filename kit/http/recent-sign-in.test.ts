import { afterAll, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { access } from './access';
import { describeApp } from './openapi/document';
import { platform } from './platform';
import { routeClaims } from './route-claims';
import { describe } from './route-docs';

const runtimes = [testRuntime('development'), testRuntime('production')] as const;
afterAll(async () => void (await Promise.all(runtimes.map((runtime) => runtime.close()))));
const { verifier, authorization } = await testTokens();
const ADA = { id: '0190a7a6-0000-7000-8000-000000000001', username: 'ada' };
const JUST_NOW = await authorization(ADA, ['users:manage'], { signedInSecondsAgo: 290 });
const LONG_AGO = await authorization(ADA, ['users:manage'], { signedInSecondsAgo: 310 });

const appWith = (operatorsSignInAgain: boolean) =>
  new Elysia()
    .use(platform(runtimes[operatorsSignInAgain ? 1 : 0]))
    .use(access({ ...verifier, operatorsSignInAgain }))
    .delete('/me', () => 'deleted', { user: true, recentSignIn: true, ...describe('Delete me', 'Test') })
    .post('/confirmed', () => 'confirmed', {
      user: true,
      recentSignIn: 'or-password',
      ...describe('Confirm', 'Test'),
    })
    .get('/users', () => 'listed', { permission: 'users:manage', ...describe('List users', 'Test') })
    .post('/users', () => 'created', { permission: 'users:manage', ...describe('Create a user', 'Test') });

const app = appWith(false);
const request = (method: string, path: string, headers: Record<string, string>, to = app) =>
  to.handle(new Request(`http://localhost${path}`, { method, headers }));
const statusOf = async (...args: Parameters<typeof request>) => (await request(...args)).status;

test('a route that requires a recent sign-in is refused with what to do once it is five minutes old', async () => {
  expect(await statusOf('DELETE', '/me', { authorization: JUST_NOW })).toBe(200);
  const refused = await request('DELETE', '/me', { authorization: LONG_AGO });
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toBe(
    'Bearer error="insufficient_user_authentication", max_age=300',
  );
  const { code, detail } = await refused.json();
  expect([code, detail]).toEqual(['auth.sign-in-again', expect.stringContaining('Sign in again')]);
  expect(await statusOf('DELETE', '/me', {})).toBe(401);
  expect(await statusOf('POST', '/confirmed', { authorization: LONG_AGO })).toBe(401);
});

test('what operators change requires one in production, whatever the route says, and what they read does not', async () => {
  const production = appWith(true);
  const old = { authorization: LONG_AGO };
  expect(await statusOf('POST', '/users', old, production)).toBe(401);
  expect(await statusOf('POST', '/users', { authorization: JUST_NOW }, production)).toBe(200);
  expect(await statusOf('GET', '/users', old, production)).toBe(200);
  expect(await statusOf('POST', '/users', old)).toBe(200);
});

test('the documentation says so, and the gateway is not concerned', () => {
  const { paths } = describeApp(app, { name: 'test', version: '1', tags: { Test: 'Of this test' } });
  expect(JSON.stringify(paths)).toContain(
    'Requires a sign-in of the last 5 minutes, or the current password',
  );
  expect(routeClaims(app)).toContainEqual({ method: 'DELETE', path: '/me', auth: 'user' });
});
