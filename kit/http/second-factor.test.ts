import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { access } from './access';
import { platform } from './platform';

const [strict, lenient] = await Promise.all([testTokens({ operatorsNeedSecondFactor: true }), testTokens()]);
const ADA = { id: '0190a7a6-0000-7000-8000-000000000001', username: 'ada' };

const appWith = ({ verifier }: typeof strict) =>
  new Elysia()
    .use(platform(testRuntime('test')))
    .use(access(verifier))
    .get('/users', () => 'listed', { permission: 'users:manage' })
    .post('/users', () => 'created', { permission: 'users:manage' })
    .get('/me', ({ caller }) => caller.permissions.join() || 'no permissions', { user: true });

const app = appWith(strict);
const request = (method: string, path: string, token: string) =>
  app.handle(new Request(`http://localhost${path}`, { method, headers: { authorization: token } }));

const signedInWith = (methods?: string[], permissions = ['users:manage']) =>
  strict.authorization(ADA, permissions, { ...(methods && { methods }) });

test('operators without a second factor are refused, reading as well, and told what to do', async () => {
  for (const methods of [undefined, [], ['pwd'], ['otp'], ['hwk']]) {
    const token = await signedInWith(methods);
    for (const method of ['GET', 'POST']) {
      const response = await request(method, '/users', token);
      const { code, detail } = await response.json();
      expect([response.status, code]).toEqual([403, 'auth.operator-needs-second-factor']);
      expect(detail).toContain('/auth/account/second-factors');
    }
    // Nor do they count where everybody is admitted, and a permission admits to more.
    expect(await (await request('GET', '/me', token)).text()).toBe('no permissions');
  }
});

test('operators with a second factor are admitted, and what it is for remains the permission', async () => {
  for (const methods of [
    ['pwd', 'otp', 'mfa'],
    ['hwk', 'user', 'mfa'],
  ]) {
    const token = await signedInWith(methods);
    expect((await request('GET', '/users', token)).status).toBe(200);
    expect(await (await request('GET', '/me', token)).text()).toBe('users:manage');
    const without = await request('GET', '/users', await signedInWith(methods, []));
    expect((await without.json()).code).toBe('auth.forbidden');
  }
});

test('where it is not required, a password does', async () => {
  const headers = { authorization: await lenient.authorization(ADA, ['users:manage'], { methods: ['pwd'] }) };
  const { status } = await appWith(lenient).handle(new Request('http://localhost/users', { headers }));
  expect(status).toBe(200);
});
