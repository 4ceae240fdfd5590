import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { type Member, startPeople } from '../../../tests/support/people';
import { ensureRoles } from '../bootstrap';
import { auditLog, authorizationChanges, userRoles, users } from '../schema';
import { publishChanges } from './authorizations';

const service = await startPeople();
const { call, database, deps, join, messagesNamed, tokens } = service;
const manager = {
  authorization: await tokens.authorization(
    { id: uuidv7(), username: 'manager' },
    ['roles:manage', 'users:manage', 'admin:auth'],
    { roles: ['admin'] },
  ),
};

afterAll(service.close);

const setRoles = (id: string, roles: string[]) =>
  call('PUT', `/users/id/${id}/roles`, { ...manager, body: { roles } });
const rolesOf = async (id: string) => (await call('GET', `/users/id/${id}/roles`, manager)).body;

async function createRole(name: string, permissions: string[] = []) {
  const { status, body } = await call('POST', '/roles', { ...manager, body: { name, permissions } });
  expect(status).toBe(201);
  return String(body.id);
}

async function builtIn(name: string) {
  const { body } = await call('GET', '/roles', manager);
  const role = (body.items as { id: string; name: string; permissions: string[] }[]).find(
    (item) => item.name === name,
  );
  if (role === undefined) throw new Error(`No role ${name}`);
  return role;
}

const publishedFor = async (id: string) =>
  (await messagesNamed('user.authorizations-changed'))
    .map((row) => JSON.parse(row.payload).data)
    .filter((data) => data.user_id === id);

describe('a role', () => {
  test('is created with permissions, read, listed, renamed and deleted', async () => {
    const created = await call('POST', '/roles', {
      ...manager,
      body: { name: 'editor', description: 'Edits', permissions: ['posts:moderate'] },
    });
    expect(created.status).toBe(201);
    const path = String(created.headers.get('location'));
    const role = { name: 'editor', description: 'Edits', built_in: false, permissions: ['posts:moderate'] };
    expect((await call('GET', path, manager)).body).toMatchObject(role);
    const listed = await call('GET', '/roles?limit=2', manager);
    expect((listed.body.items as { name: string }[]).map((item) => item.name)).toEqual(['admin', 'editor']);
    expect(listed.headers.get('link')).toContain('rel="next"');
    const rest = await call('GET', `/roles?cursor=${listed.body.next_cursor}`, manager);
    expect((rest.body.items as { name: string }[]).map((item) => item.name)).toEqual(['moderator', 'user']);
    const renamed = await call('PATCH', path, { ...manager, body: { name: 'corrector' } });
    expect(renamed.body).toMatchObject({ ...role, name: 'corrector' });
    expect((await call('DELETE', path, manager)).status).toBe(204);
    expect((await call('GET', path, manager)).status).toBe(404);
  });

  test('with an existing name or an unknown permission is rejected and not created', async () => {
    await createRole('unique');
    const again = await call('POST', '/roles', { ...manager, body: { name: 'unique' } });
    expect([again.status, again.body.code]).toEqual([409, 'role.name-taken']);
    const unknown = await call('POST', '/roles', {
      ...manager,
      body: { name: 'dreamer', permissions: ['clouds:move'] },
    });
    expect(unknown.status).toBe(422);
    expect(unknown.body.errors).toContainEqual(expect.objectContaining({ field: 'permissions' }));
    await createRole('dreamer');
    expect((await call('POST', '/roles', { ...manager, body: { name: 'Not A Name' } })).status).toBe(422);
  });

  test('that is built in cannot be renamed or deleted, and the administrator role keeps its permissions', async () => {
    for (const name of ['admin', 'moderator', 'user']) {
      const { id } = await builtIn(name);
      const renamed = await call('PATCH', `/roles/${id}`, { ...manager, body: { name: 'other' } });
      const deleted = await call('DELETE', `/roles/${id}?force=true`, manager);
      expect([renamed.body.code, deleted.body.code]).toEqual(['role.built-in', 'role.built-in']);
    }
    const admin = await builtIn('admin');
    const reduced = await call('PUT', `/roles/${admin.id}/permissions`, {
      ...manager,
      body: { permissions: ['users:manage'] },
    });
    expect([reduced.status, reduced.body.code]).toEqual([409, 'role.administrators-keep']);
    expect((await builtIn('admin')).permissions).toEqual(admin.permissions);
  });

  test('with holders is deleted only with force', async () => {
    const id = await createRole('held', ['posts:moderate']);
    const holder = await join('holder');
    await setRoles(holder.id, ['user', 'held']);
    const rejected = await call('DELETE', `/roles/${id}`, manager);
    expect([rejected.status, rejected.body.code]).toEqual([409, 'role.in-use']);
    expect((await call('DELETE', `/roles/${id}?force=true`, manager)).status).toBe(204);
    expect(await rolesOf(holder.id)).toEqual({ roles: ['user'], permissions: [] });
    expect((await publishedFor(holder.id)).at(-1)).toMatchObject({ roles: ['user'], reduced: true });
  });

  test('keeps the changes of operators when the service restarts', async () => {
    const { id } = await builtIn('moderator');
    const path = `/roles/${id}/permissions`;
    await call('PUT', path, { ...manager, body: { permissions: [] } });
    await ensureRoles(database);
    expect((await builtIn('moderator')).permissions).toEqual([]);
    await call('PUT', path, { ...manager, body: { permissions: ['posts:moderate'] } });
  });
});

test('a permission has a unique name and is listed', async () => {
  const body = { name: 'polls:close', description: 'Close polls' };
  expect((await call('POST', '/permissions', { ...manager, body })).status).toBe(201);
  const again = await call('POST', '/permissions', { ...manager, body });
  expect([again.status, again.body.code]).toEqual([409, 'permission.name-taken']);
  expect((await call('POST', '/permissions', { ...manager, body: { name: 'anything' } })).status).toBe(422);
  const { items } = (await call('GET', '/permissions?limit=100', manager)).body;
  expect(items).toContainEqual(expect.objectContaining(body));
});

describe('a change of authorizations', () => {
  test('publishes the new authorizations, and whether any were removed', async () => {
    const member = await join('risen');
    expect((await setRoles(member.id, ['user', 'moderator'])).body).toEqual({
      roles: ['moderator', 'user'],
      permissions: ['posts:moderate'],
    });
    await setRoles(member.id, ['user', 'moderator']);
    await setRoles(member.id, ['user']);
    const published = await publishedFor(member.id);
    expect(published).toMatchObject([
      {
        roles: ['moderator', 'user'],
        permissions: ['posts:moderate'],
        reduced: false,
        active: true,
        version: 2,
      },
      { roles: ['user'], permissions: [], reduced: true, active: true, version: 3 },
    ]);
  });

  test('of a role is published once for each holder, also across several batches', async () => {
    const roleId = await createRole('crowd');
    const crowd = Array.from({ length: 230 }, (_, index) => ({
      id: uuidv7(),
      username: `crowd_${index}`,
      email: `crowd_${index}@example.com`,
      displayName: 'A holder',
    }));
    await database.insert(users).values(crowd);
    await database.insert(userRoles).values(crowd.map(({ id }) => ({ userId: id, roleId })));
    const path = `/roles/${roleId}/permissions`;
    await call('PUT', path, { ...manager, body: { permissions: ['posts:moderate'] } });
    while ((await database.$count(authorizationChanges)) > 0) await publishChanges(deps);
    const ids = new Set(crowd.map(({ id }) => id));
    const published = (await messagesNamed('user.authorizations-changed'))
      .map((row) => JSON.parse(row.payload).data)
      .filter((data) => ids.has(data.user_id));
    expect(published).toHaveLength(230);
    expect(new Set(published.map((data) => data.user_id)).size).toBe(230);
    expect(published.every((data) => !data.reduced && data.permissions.includes('posts:moderate'))).toBe(
      true,
    );
  });

  test('that is pending is published later, and a pending reduction stays one', async () => {
    const roleId = await createRole('waiting', ['posts:moderate']);
    const member = await join('patient');
    await setRoles(member.id, ['user', 'waiting']);
    const actorId = uuidv7();
    await database.insert(authorizationChanges).values({ userId: member.id, reduced: true, actorId });
    await call('PUT', `/roles/${roleId}/permissions`, {
      ...manager,
      body: { permissions: ['posts:moderate', 'users:manage'] },
    });
    expect((await publishedFor(member.id)).at(-1)).toMatchObject({
      permissions: ['posts:moderate', 'users:manage'],
      reduced: true,
    });
    expect(await database.$count(authorizationChanges)).toBe(0);
  });

  test('is rejected for an unknown user or role, and changes nothing', async () => {
    const member = await join('unchanged');
    expect((await setRoles(uuidv7(), ['user'])).status).toBe(404);
    expect((await setRoles(member.id, ['no-such-role'])).status).toBe(422);
    expect(await rolesOf(member.id)).toEqual({ roles: ['user'], permissions: [] });
    expect(await publishedFor(member.id)).toEqual([]);
  });
});

describe('the last administrator', () => {
  /** Makes these the only administrators. */
  async function setAdministrators(...members: Member[]): Promise<void> {
    const { id: roleId } = await builtIn('admin');
    await database.delete(userRoles).where(eq(userRoles.roleId, roleId));
    await database.insert(userRoles).values(members.map(({ id }) => ({ userId: id, roleId })));
  }

  const ways: [string, (member: Member) => ReturnType<typeof call>][] = [
    ['by replacing the roles', (member) => setRoles(member.id, ['user'])],
    [
      'by deactivating the user',
      (member) => call('PATCH', `/users/id/${member.id}`, { ...manager, body: { active: false } }),
    ],
    ['by deleting the user', (member) => call('DELETE', `/users/id/${member.id}`, manager)],
    ['by deleting the own account', (member) => call('DELETE', '/users/me', member)],
    [
      'by the superuser flag',
      (member) => call('PUT', `/admin/auth/${member.id}`, { ...manager, body: { superuser: false } }),
    ],
    [
      'by deactivating the account',
      (member) => call('PUT', `/admin/auth/${member.id}`, { ...manager, body: { active: false } }),
    ],
    ['by deleting the account', (member) => call('DELETE', `/admin/auth/${member.id}`, manager)],
  ];
  let count = 0;

  test.each(ways)('is not removed %s; of two removed concurrently one remains', async (_, remove) => {
    const [one, other] = [await join(`admin_${++count}`), await join(`admin_${++count}`)];
    await setAdministrators(one, other);
    const entries = await database.$count(auditLog);
    const answers = await Promise.all([remove(one), remove(other)]);
    const rejected = answers.filter(({ status }) => status === 409);
    expect(rejected.map(({ body }) => body.code)).toEqual(['user.last-administrator']);
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
    const remaining = answers[0]?.status === 409 ? one : other;
    expect((await remove(remaining)).body.code).toBe('user.last-administrator');
    expect((await rolesOf(remaining.id)).roles).toContain('admin');
    // One action succeeded. Deleting the own account is not an action of an operator.
    expect((await database.$count(auditLog)) - entries).toBeLessThanOrEqual(1);
  });

  test('is not counted while deactivated', async () => {
    const [inactive, active] = [await join('inactive'), await join('active')];
    await setAdministrators(inactive, active);
    await call('PATCH', `/users/id/${inactive.id}`, { ...manager, body: { active: false } });
    expect((await setRoles(active.id, ['user'])).body.code).toBe('user.last-administrator');
    expect((await setRoles(inactive.id, ['user'])).status).toBe(200);
  });
});
