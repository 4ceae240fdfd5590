import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { type Member, startPeople } from '../../../tests/support/people';
import { ensureRoles } from '../bootstrap';
import { auditLog, authorizationChanges, userRoles, users } from '../schema';
import { announceChanges } from './authorizations';

const people = await startPeople();
const { call, database, deps, join, messagesNamed, tokens } = people;
const manager = {
  authorization: await tokens.authorization({ id: uuidv7(), username: 'manager' }, [
    'roles:manage',
    'users:manage',
    'admin:auth',
  ]),
};

afterAll(people.close);

const setRoles = (id: string, roles: string[]) =>
  call('PUT', `/users/id/${id}/roles`, { ...manager, body: { roles } });
const rolesOf = async (id: string) => (await call('GET', `/users/id/${id}/roles`, manager)).body;

async function makeRole(name: string, permissions: string[] = []) {
  const { status, body } = await call('POST', '/roles', { ...manager, body: { name, permissions } });
  expect(status).toBe(201);
  return String(body.id);
}

async function builtIn(name: string) {
  const { body } = await call('GET', '/roles', manager);
  const role = (body.items as { id: string; name: string; permissions: string[] }[]).find(
    (item) => item.name === name,
  );
  if (role === undefined) throw new Error(`there is no role ${name}`);
  return role;
}

const toldAbout = async (id: string) =>
  (await messagesNamed('user.authorizations-changed'))
    .map((row) => JSON.parse(row.payload).data)
    .filter((data) => data.user_id === id);

describe('a role', () => {
  test('is made with permissions, read, listed, changed and deleted', async () => {
    const made = await call('POST', '/roles', {
      ...manager,
      body: { name: 'editor', description: 'Edits', permissions: ['posts:moderate'] },
    });
    expect(made.status).toBe(201);
    const path = String(made.headers.get('location'));
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

  test('has a name of its own and existing permissions, or is refused and leaves nothing', async () => {
    await makeRole('unique');
    const again = await call('POST', '/roles', { ...manager, body: { name: 'unique' } });
    expect([again.status, again.body.code]).toEqual([409, 'role.name-taken']);
    const unknown = await call('POST', '/roles', {
      ...manager,
      body: { name: 'dreamer', permissions: ['clouds:move'] },
    });
    expect(unknown.status).toBe(422);
    expect(unknown.body.errors).toContainEqual(expect.objectContaining({ field: 'permissions' }));
    await makeRole('dreamer');
    expect((await call('POST', '/roles', { ...manager, body: { name: 'Not A Name' } })).status).toBe(422);
  });

  test('of the system is neither renamed nor deleted, and administrators keep what it asks for', async () => {
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

  test('that people hold is deleted only when that is said', async () => {
    const id = await makeRole('held', ['posts:moderate']);
    const holder = await join('holder');
    await setRoles(holder.id, ['user', 'held']);
    const refused = await call('DELETE', `/roles/${id}`, manager);
    expect([refused.status, refused.body.code]).toEqual([409, 'role.in-use']);
    expect((await call('DELETE', `/roles/${id}?force=true`, manager)).status).toBe(204);
    expect(await rolesOf(holder.id)).toEqual({ roles: ['user'], permissions: [] });
    expect((await toldAbout(holder.id)).at(-1)).toMatchObject({ roles: ['user'], reduced: true });
  });

  test('keeps what operators took from it when the service starts again', async () => {
    const { id } = await builtIn('moderator');
    const path = `/roles/${id}/permissions`;
    await call('PUT', path, { ...manager, body: { permissions: [] } });
    await ensureRoles(database);
    expect((await builtIn('moderator')).permissions).toEqual([]);
    await call('PUT', path, { ...manager, body: { permissions: ['posts:moderate'] } });
  });
});

test('a permission is named once, and listed', async () => {
  const body = { name: 'polls:close', description: 'Close polls' };
  expect((await call('POST', '/permissions', { ...manager, body })).status).toBe(201);
  const again = await call('POST', '/permissions', { ...manager, body });
  expect([again.status, again.body.code]).toEqual([409, 'permission.name-taken']);
  expect((await call('POST', '/permissions', { ...manager, body: { name: 'anything' } })).status).toBe(422);
  const { items } = (await call('GET', '/permissions?limit=100', manager)).body;
  expect(items).toContainEqual(expect.objectContaining(body));
});

describe('a change of what people may do', () => {
  test("tells auth a person's new rights, and whether any were taken away", async () => {
    const member = await join('risen');
    expect((await setRoles(member.id, ['user', 'moderator'])).body).toEqual({
      roles: ['moderator', 'user'],
      permissions: ['posts:moderate'],
    });
    await setRoles(member.id, ['user', 'moderator']);
    await setRoles(member.id, ['user']);
    const told = await toldAbout(member.id);
    expect(told).toMatchObject([
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

  test('of a role tells auth of everybody who holds it, once each, also of more than one batch', async () => {
    const roleId = await makeRole('crowd');
    const crowd = Array.from({ length: 230 }, (_, index) => ({
      id: uuidv7(),
      username: `crowd_${index}`,
      email: `crowd_${index}@example.com`,
      displayName: 'One of many',
    }));
    await database.insert(users).values(crowd);
    await database.insert(userRoles).values(crowd.map(({ id }) => ({ userId: id, roleId })));
    const path = `/roles/${roleId}/permissions`;
    await call('PUT', path, { ...manager, body: { permissions: ['posts:moderate'] } });
    while ((await database.$count(authorizationChanges)) > 0) await announceChanges(deps);
    const ids = new Set(crowd.map(({ id }) => id));
    const told = (await messagesNamed('user.authorizations-changed'))
      .map((row) => JSON.parse(row.payload).data)
      .filter((data) => ids.has(data.user_id));
    expect(told).toHaveLength(230);
    expect(new Set(told.map((data) => data.user_id)).size).toBe(230);
    expect(told.every((data) => !data.reduced && data.permissions.includes('posts:moderate'))).toBe(true);
  });

  test('that could not be told yet is not forgotten, and what was taken away stays so', async () => {
    const roleId = await makeRole('waiting', ['posts:moderate']);
    const member = await join('patient');
    await setRoles(member.id, ['user', 'waiting']);
    const actorId = uuidv7();
    await database.insert(authorizationChanges).values({ userId: member.id, reduced: true, actorId });
    await call('PUT', `/roles/${roleId}/permissions`, {
      ...manager,
      body: { permissions: ['posts:moderate', 'users:manage'] },
    });
    expect((await toldAbout(member.id)).at(-1)).toMatchObject({
      permissions: ['posts:moderate', 'users:manage'],
      reduced: true,
    });
    expect(await database.$count(authorizationChanges)).toBe(0);
  });

  test('is refused for an unknown person or role, and changes nothing', async () => {
    const member = await join('unchanged');
    expect((await setRoles(uuidv7(), ['user'])).status).toBe(404);
    expect((await setRoles(member.id, ['no-such-role'])).status).toBe(422);
    expect(await rolesOf(member.id)).toEqual({ roles: ['user'], permissions: [] });
    expect(await toldAbout(member.id)).toEqual([]);
  });
});

describe('the last administrator', () => {
  /** Only these are administrators from now on. */
  async function onlyAdministrators(...members: Member[]): Promise<void> {
    const { id: roleId } = await builtIn('admin');
    await database.delete(userRoles).where(eq(userRoles.roleId, roleId));
    await database.insert(userRoles).values(members.map(({ id }) => ({ userId: id, roleId })));
  }

  const ways: [string, (member: Member) => ReturnType<typeof call>][] = [
    ['by roles', (member) => setRoles(member.id, ['user'])],
    [
      'by deactivating',
      (member) => call('PATCH', `/users/id/${member.id}`, { ...manager, body: { active: false } }),
    ],
    ['by erasing', (member) => call('DELETE', `/users/id/${member.id}`, manager)],
    ['by leaving', (member) => call('DELETE', '/users/me', member)],
    [
      'by the superuser flag',
      (member) => call('PUT', `/admin/auth/${member.id}`, { ...manager, body: { superuser: false } }),
    ],
    [
      'by deactivating the account',
      (member) => call('PUT', `/admin/auth/${member.id}`, { ...manager, body: { active: false } }),
    ],
    ['by erasing the account', (member) => call('DELETE', `/admin/auth/${member.id}`, manager)],
  ];
  let made = 0;

  test.each(ways)('is not removed %s, and of two who are removed at once one stays', async (_, remove) => {
    const [one, other] = [await join(`ruler_${++made}`), await join(`ruler_${++made}`)];
    await onlyAdministrators(one, other);
    const written = await database.$count(auditLog);
    const answers = await Promise.all([remove(one), remove(other)]);
    const refused = answers.filter(({ status }) => status === 409);
    expect(refused.map(({ body }) => body.code)).toEqual(['user.last-administrator']);
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
    const left = answers[0]?.status === 409 ? one : other;
    expect((await remove(left)).body.code).toBe('user.last-administrator');
    expect((await rolesOf(left.id)).roles).toContain('admin');
    // One act was done, so at most one is written down; leaving by oneself is not one of an operator.
    expect((await database.$count(auditLog)) - written).toBeLessThanOrEqual(1);
  });

  test('is not one who may not sign in', async () => {
    const [asleep, awake] = [await join('asleep'), await join('awake')];
    await onlyAdministrators(asleep, awake);
    await call('PATCH', `/users/id/${asleep.id}`, { ...manager, body: { active: false } });
    expect((await setRoles(awake.id, ['user'])).body.code).toBe('user.last-administrator');
    expect((await setRoles(asleep.id, ['user'])).status).toBe(200);
  });
});
