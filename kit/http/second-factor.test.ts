import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { access } from './access';
import { platform } from './platform';

const { verifier, authorization } = await testTokens();
const ADA = { id: '0190a7a6-0000-7000-8000-000000000001', username: 'ada' };

const appWith = (operatorsNeedSecondFactor: boolean) =>
  new Elysia()
    .use(platform(testRuntime('test')))
    .use(access({ ...verifier, operatorsNeedSecondFactor }))
    .get('/users', () => 'listed', { permission: 'users:manage' })
    .post('/users', () => 'created', { permission: 'users:manage' })
    .get('/me', () => 'me', { user: true });

const strict = appWith(true);
const request = (method: string, path: string, token: string, app = strict) =>
  app.handle(new Request(`http://localhost${path}`, { method, headers: { authorization: token } }));

const signedInWith = (methods?: string[], permissions = ['users:manage']) =>
  authorization(ADA, permissions, { ...(methods && { methods }) });

test('operators without a second factor are refused, reading as well, and told what to do', async () => {
  for (const methods of [undefined, [], ['pwd'], ['otp'], ['hwk']]) {
    const token = await signedInWith(methods);
    for (const method of ['GET', 'POST']) {
      const response = await request(method, '/users', token);
      const { code, detail } = await response.json();
      expect([response.status, code]).toEqual([403, 'auth.second-factor-required']);
      expect(detail).toContain('/auth/account/second-factors');
    }
    expect((await request('GET', '/me', token)).status).toBe(200);
  }
});

test('operators with a second factor are admitted, and what it is for remains the permission', async () => {
  for (const methods of [
    ['pwd', 'otp', 'mfa'],
    ['hwk', 'user', 'mfa'],
  ]) {
    expect((await request('GET', '/users', await signedInWith(methods))).status).toBe(200);
    const without = await request('GET', '/users', await signedInWith(methods, []));
    expect((await without.json()).code).toBe('auth.forbidden');
  }
});

test('where it is not required, a password does', async () => {
  expect((await request('GET', '/users', await signedInWith(['pwd']), appWith(false))).status).toBe(200);
});
