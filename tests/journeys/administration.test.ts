import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join, request } from '../support/client';
import { eventually } from '../support/eventually';
import { ADMIN_PASSWORD, sharedSystem } from '../support/shared-system';

const START_MS = 240_000;
let system: Awaited<ReturnType<typeof sharedSystem>>;
let admin: string;

const call = (method: string, path: string, token?: string, body?: unknown) =>
  request(system.url, method, path, {
    ...(token !== undefined && { token }),
    ...(body !== undefined && { body }),
  });

async function signIn(username: string, password = 'correct horse battery staple') {
  const { status, body } = await call('POST', '/auth/login', undefined, { username, password });
  return { status, access: String(body.access_token), refresh: String(body.refresh_token) };
}

beforeAll(async () => {
  system = await sharedSystem();
  // The first administrator's credentials reach auth asynchronously.
  admin = await eventually(async () => {
    const { status, access } = await signIn('admin', ADMIN_PASSWORD);
    expect(status).toBe(200);
    return access;
  });
}, START_MS);

afterAll(() => system?.setFeatures({}));

describe('permissions', () => {
  test('take effect with the next refresh when granted, and at once everywhere when revoked', async () => {
    const { id } = await join(system.url, 'helper');
    const first = await signIn('helper');
    expect((await call('GET', '/users', first.access)).status).toBe(403);
    const role = { name: 'registrar', permissions: ['users:manage'] };
    expect((await call('POST', '/roles', admin, role)).status).toBe(201);
    expect((await call('PUT', `/users/id/${id}/roles`, admin, { roles: ['user', 'registrar'] })).status).toBe(
      200,
    );
    expect((await call('GET', '/users/me', first.access)).status).toBe(200);
    const refreshed = await call('POST', '/auth/refresh', undefined, { refresh_token: first.refresh });
    const registrar = String(refreshed.body.access_token);
    expect((await call('GET', '/users', registrar)).status).toBe(200);

    await call('PUT', `/users/id/${id}/roles`, admin, { roles: ['user'] });
    await eventually(async () => expect((await call('GET', '/users', registrar)).status).toBe(401));
    await eventually(async () =>
      expect((await call('POST', '/posts', registrar, { text: 'still here' })).status).toBe(401),
    );
    const again = await call('POST', '/auth/refresh', undefined, {
      refresh_token: refreshed.body.refresh_token,
    });
    expect(again.status).toBe(200);
    expect((await call('GET', '/users', String(again.body.access_token))).status).toBe(403);
  });

  test('of a role change for all its members', async () => {
    const { id } = await join(system.url, 'keeper');
    await call('PUT', `/users/id/${id}/roles`, admin, { roles: ['user', 'registrar'] });
    const { access } = await signIn('keeper');
    expect((await call('GET', '/users', access)).status).toBe(200);
    const { body } = await call('GET', '/roles', admin);
    const role = (body.items as { id: string; name: string }[]).find(({ name }) => name === 'registrar');
    await call('PUT', `/roles/${role?.id}/permissions`, admin, { permissions: [] });
    await eventually(async () => expect((await call('GET', '/users', access)).status).toBe(401));
    expect((await call('GET', '/users', (await signIn('keeper')).access)).status).toBe(403);
  });
});

describe('an account', () => {
  test('loses its sessions when an administrator sets its password and email address', async () => {
    const { id } = await join(system.url, 'forgetful');
    const { access, refresh } = await signIn('forgetful');
    const password = 'an easy password of the test';
    const changed = await call('PUT', `/admin/auth/${id}`, admin, { password, email: 'moved@example.com' });
    expect(changed.status).toBe(200);
    expect((await signIn('forgetful')).status).toBe(401);
    expect((await signIn('forgetful', password)).status).toBe(200);
    const byEmail = { email: 'moved@example.com', password };
    expect((await call('POST', '/auth/login', undefined, byEmail)).status).toBe(200);
    expect((await call('POST', '/auth/refresh', undefined, { refresh_token: refresh })).status).toBe(401);
    await eventually(async () => expect((await call('GET', '/users/me', access)).status).toBe(401));
  });

  test('that is deactivated is signed out at once, and can sign in again after reactivation', async () => {
    const { id } = await join(system.url, 'suspended');
    const { access } = await signIn('suspended');
    await call('PUT', `/admin/auth/${id}`, admin, { active: false });
    expect((await signIn('suspended')).status).toBe(403);
    await eventually(async () => expect((await call('GET', '/users/me', access)).status).toBe(401));
    await call('PUT', `/admin/auth/${id}`, admin, { active: true });
    await eventually(async () => expect((await signIn('suspended')).status).toBe(200));
  });

  test('change is recorded in the audit log, and the last administrator cannot delete their account', async () => {
    const { body } = await call('GET', '/admin/audit?limit=100', admin);
    const actions = (body.items as { action: string; actor_username: string }[]).map(
      ({ action, actor_username }) => `${actor_username}: ${action}`,
    );
    for (const action of ['user.changed', 'user.roles-set', 'role.created', 'role.permissions-set'])
      expect(actions).toContain(`admin: ${action}`);
    const leaving = await call('DELETE', '/users/me', admin);
    expect([leaving.status, leaving.body.code]).toEqual([409, 'user.last-administrator']);
  });
});

test('registration can be closed and reopened at run time, for every registration route', async () => {
  const person = { email: 'newcomer@example.com', password: 'correct horse battery staple' };
  await system.setFeatures({ 'registration-open': { defaultValue: false } });
  await eventually(async () =>
    expect((await call('GET', '/features')).body).toEqual({ features: { 'registration-open': false } }),
  );
  for (const path of ['/register', '/auth/register']) {
    const { status, body } = await call('POST', path, undefined, { ...person, username: 'newcomer' });
    expect([path, status, body.code]).toEqual([path, 403, 'registration.closed']);
  }
  await system.setFeatures({ 'registration-open': { defaultValue: true } });
  await eventually(async () =>
    expect((await call('POST', '/register', undefined, { ...person, username: 'newcomer' })).status).toBe(
      201,
    ),
  );
});
