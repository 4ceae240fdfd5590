import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { uuidv7 } from '#kit/core/ids';
import { type Member, startPeople } from '../../../tests/support/people';
import { auditLog } from '../schema';
import { ADMINISTRATOR, exceeds, PERMISSIONS } from './rules';

const service = await startPeople();
const { call, database, join, tokens } = service;
/** Every permission that operators' routes require, and every other one but `payments:manage`. Not an administrator. */
const OWN = Object.keys(PERMISSIONS).filter((name) => name !== 'payments:manage');
const operator = { authorization: await tokens.authorization({ id: uuidv7(), username: 'operator' }, OWN) };
const administrator = {
  authorization: await tokens.authorization({ id: uuidv7(), username: 'boss' }, Object.keys(PERMISSIONS), {
    roles: [ADMINISTRATOR],
  }),
};
const EXCEEDS = [403, 'permission.exceeds-own'];
const outcome = async (method: string, path: string, body?: object, caller = operator) => {
  const reply = await call(method, path, { ...caller, ...(body !== undefined && { body }) });
  return [reply.status, reply.body?.code];
};
const roles = new Map<string, string>();
let chief: Member;
let treasurer: Member;
let member: Member;

async function createRole(name: string, permissions: string[]) {
  const { body } = await call('POST', '/roles', { ...administrator, body: { name, permissions } });
  roles.set(name, String(body.id));
}
const assign = (person: Member, names: string[]) =>
  call('PUT', `/users/id/${person.id}/roles`, { ...administrator, body: { roles: names } });

beforeAll(async () => {
  await createRole('treasurer', ['payments:manage']);
  await createRole('reader', ['users:manage']);
  const { body } = await call('GET', '/roles', administrator);
  for (const { name, id } of body.items as { name: string; id: string }[]) roles.set(name, id);
  [chief, treasurer, member] = await Promise.all([join('chief'), join('treasurer'), join('member')]);
  await assign(chief, ['user', ADMINISTRATOR]);
  await assign(treasurer, ['user', 'treasurer']);
});
afterAll(service.close);

describe('an operator who is not an administrator', () => {
  const onUser = (id: string): [method: string, path: string, body?: object][] => [
    ['PATCH', `/users/id/${id}`, { bio: 'rewritten' }],
    ['PATCH', `/users/id/${id}`, { active: false }],
    ['DELETE', `/users/id/${id}`],
    ['PUT', `/users/id/${id}/roles`, { roles: ['user'] }],
    ['PUT', `/admin/auth/${id}`, { password: 'taken over by another' }],
    ['PUT', `/admin/auth/${id}`, { email: 'taken-over@example.com' }],
    ['PUT', `/admin/auth/${id}`, { superuser: false }],
    ['DELETE', `/admin/auth/${id}`],
  ];

  test('does not act on administrators, or on holders of a permission that the operator lacks', async () => {
    const before = await database.$count(auditLog);
    for (const target of [chief, treasurer])
      for (const [method, path, body] of onUser(target.id))
        expect([path, body, await outcome(method, path, body)]).toEqual([path, body, EXCEEDS]);
    expect(await database.$count(auditLog)).toBe(before);
    for (const { username } of [chief, treasurer])
      expect((await call('GET', `/users/${username}`)).status).toBe(200);
  });

  test('acts on everybody else', async () => {
    const others = onUser(member.id).filter(([method]) => method !== 'DELETE');
    for (const [method, path, body] of others) expect((await outcome(method, path, body))[0]).toBe(200);
    expect(await outcome('DELETE', `/users/id/${member.id}`)).toEqual([204, undefined]);
  });

  test('grants nothing that they do not hold', async () => {
    const friend = await join('friend');
    const account = { username: 'planted', email: 'planted@example.com', password: 'a long password' };
    const attempts: [string, string, object][] = [
      ['PUT', `/users/id/${friend.id}/roles`, { roles: ['user', 'admin'] }],
      ['PUT', `/users/id/${friend.id}/roles`, { roles: ['user', 'treasurer'] }],
      ['PUT', `/admin/auth/${friend.id}`, { superuser: true }],
      ['POST', '/admin/auth', { ...account, superuser: true }],
      ['POST', '/roles', { name: 'banker', permissions: ['payments:manage'] }],
      ['PUT', `/roles/${roles.get('reader')}/permissions`, { permissions: ['payments:manage'] }],
      ['PUT', `/roles/${roles.get('user')}/permissions`, { permissions: ['payments:manage'] }],
    ];
    for (const [method, path, body] of attempts)
      expect([path, body, await outcome(method, path, body)]).toEqual([path, body, EXCEEDS]);
    expect((await call('GET', `/users/id/${friend.id}/roles`, administrator)).body).toEqual({
      roles: ['user'],
      permissions: [],
    });
    expect(await outcome('PUT', `/users/id/${friend.id}/roles`, { roles: ['user', 'reader'] })).toEqual([
      200,
      undefined,
    ]);
  });

  test('does not change or delete roles with more permissions than their own', async () => {
    for (const name of ['treasurer', ADMINISTRATOR]) {
      const path = `/roles/${roles.get(name)}`;
      expect(await outcome('PATCH', path, { description: 'rewritten' })).toEqual(EXCEEDS);
      expect(await outcome('PUT', `${path}/permissions`, { permissions: [] })).toEqual(EXCEEDS);
      expect(await outcome('DELETE', `${path}?force=true`)).toEqual(EXCEEDS);
    }
  });

  test('cannot reach further by creating a permission', async () => {
    expect((await outcome('POST', '/permissions', { name: 'own:making' }))[0]).toBe(201);
    expect(await outcome('POST', '/roles', { name: 'maker', permissions: ['own:making'] })).toEqual(EXCEEDS);
    const role = { name: 'maker', permissions: ['own:making'] };
    expect((await outcome('POST', '/roles', role, administrator))[0]).toBe(201);
  });
});

test('administrators exceed nothing; others exceed exactly what they do not hold', () => {
  const grants = fc.record({
    roles: fc.subarray([ADMINISTRATOR, 'user', 'moderator']),
    permissions: fc.subarray(Object.keys(PERMISSIONS)),
  });
  fc.assert(
    fc.property(grants, grants, (own, granted) => {
      const missing = granted.permissions.filter((name) => !own.permissions.includes(name));
      const wantsAdministrator = granted.roles.includes(ADMINISTRATOR);
      const expected = !own.roles.includes(ADMINISTRATOR) && (wantsAdministrator || missing.length > 0);
      expect(exceeds(own, granted)).toBe(expected);
    }),
  );
});
