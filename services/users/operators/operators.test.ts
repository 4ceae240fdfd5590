import { afterAll, describe, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { withTrace } from '#kit/tracing/context';
import { startPeople } from '../../../tests/support/people';
import { auditLog, auditPersonalValues } from '../schema';

const service = await startPeople();
const { call, database, join, messagesNamed, tokens } = service;
const boss = await join('boss');
const authorization = await tokens.authorization(boss, ['admin:auth', 'audit:read', 'users:manage'], {
  roles: ['admin'],
});
await call('PATCH', '/users/me', { ...boss, body: { bio: 'I administer' } });

afterAll(service.close);

interface Entry {
  action: string;
  changes: { field: string; before?: unknown; after?: unknown }[];
}

async function audit(query: string) {
  const { status, body } = await call('GET', `/admin/audit?${query}`, { authorization });
  expect(status).toBe(200);
  return body.items as (Entry & Record<string, unknown>)[];
}

const createAccount = async (username: string, more: object = {}) => {
  const email = `${username}@example.com`;
  const body = { username, email, password: 'a long password', ...more };
  const answer = await call('POST', '/admin/auth', { authorization, body });
  expect(answer.status).toBe(201);
  return { id: String(answer.body.user_id), answer };
};
const change = (id: string, body: object) => call('PUT', `/admin/auth/${id}`, { authorization, body });

// An administrator that no test removes.
await createAccount('chief', { superuser: true });

test('operators list, update and delete users; other users cannot', async () => {
  const { id } = await join('managed');
  const other = await join('other');
  const operator = { authorization: await tokens.authorization(other, ['users:manage']) };
  expect((await call('GET', '/users?query=man', other)).status).toBe(403);
  const { items } = (await call('GET', '/users?query=man', operator)).body;
  expect(items).toMatchObject([{ username: 'managed' }]);
  expect((await call('PATCH', `/users/id/${id}`, { ...operator, body: { active: false } })).body.active).toBe(
    false,
  );
  expect((await call('GET', '/users/managed')).status).toBe(404);
  expect((await call('DELETE', `/users/id/${id}`, operator)).status).toBe(204);
  expect((await call('DELETE', `/users/id/${id}`, operator)).status).toBe(404);
});

describe('accounts', () => {
  test('are created with the superuser and active flags, read, listed by prefix, and deleted', async () => {
    const { id, answer } = await createAccount('deputy', { superuser: true, active: false });
    const account = {
      user_id: id,
      username: 'deputy',
      email: 'deputy@example.com',
      active: false,
      superuser: true,
      roles: ['admin', 'user'],
    };
    expect(answer.body).toMatchObject(account);
    const path = String(answer.headers.get('location'));
    expect((await call('GET', path, { authorization })).body).toMatchObject(account);
    const found = await call('GET', '/admin/auth?query=depu', { authorization });
    expect(found.body.items).toMatchObject([account]);
    const created = (await messagesNamed('user.created')).map((row) => JSON.parse(row.payload).data);
    expect(created).toContainEqual(expect.objectContaining({ id, active: false }));
    expect((await call('DELETE', path, { authorization })).status).toBe(204);
    expect((await call('GET', path, { authorization })).status).toBe(404);
  });

  test('keep omitted fields on update, and each change is published to auth', async () => {
    const { id } = await createAccount('changeable');
    const versions = async (name: string) =>
      (await messagesNamed(name)).filter((row) => row.aggregateId === id).map((row) => row.aggregateVersion);

    expect((await change(id, {})).body).toMatchObject({ active: true, superuser: false });
    expect(await versions('user.updated')).toEqual([]);

    expect((await change(id, { email: 'New@Example.com' })).body.email).toBe('New@Example.com');
    expect(await versions('auth.email-set')).toEqual([2]);

    await change(id, { password: 'another long password' });
    expect(await versions('auth.credentials-set')).toEqual([1, 3]);

    expect((await change(id, { superuser: true })).body).toMatchObject({ roles: ['admin', 'user'] });
    expect((await change(id, { active: false })).body).toMatchObject({ superuser: true, active: false });
    expect((await change(id, { superuser: false })).body).toMatchObject({ roles: ['user'] });
    expect(await versions('user.authorizations-changed')).toEqual([4, 6]);
    expect(await versions('user.updated')).toEqual([2, 3, 5]);
  });

  test('count passwords in what people see', async () => {
    const { id } = await createAccount('counted');
    expect((await change(id, { password: '😀😁😂🤣' })).body.errors).toMatchObject([{ field: 'password' }]);
    expect((await change(id, { password: '😀'.repeat(129) })).status).toBe(200);
  });

  test('reject the email address of another user', async () => {
    const { id } = await createAccount('latecomer');
    const answer = await change(id, { email: 'BOSS@example.com', superuser: true });
    expect([answer.status, answer.body.code]).toEqual([409, 'user.email-taken']);
    const { body } = await call('GET', `/admin/auth/${id}`, { authorization });
    expect(body).toMatchObject({ email: 'latecomer@example.com', superuser: false });
  });
});

describe('the audit log', () => {
  test('records actor, action, target and the values before and after, but no secrets', async () => {
    const { id } = await createAccount('watched');
    const trace = {
      requestId: 'a-request-id',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    };
    await withTrace(trace, () =>
      change(id, { email: 'seen@example.com', password: 'a new long password', superuser: true }),
    );
    const [entry, first] = await audit(`target=${id}`);
    expect(entry).toMatchObject({
      action: 'user.changed',
      actor_id: boss.id,
      actor_username: 'boss',
      target_type: 'user',
      target_id: id,
      target_username: 'watched',
      request_id: 'a-request-id',
    });
    expect(entry?.changes).toEqual([
      { field: 'email', before: 'watched@example.com', after: 'seen@example.com' },
      { field: 'roles', before: ['user'], after: ['admin', 'user'] },
      { field: 'password' },
    ]);
    expect(first?.action).toBe('user.registered');
    for (const row of await database.select().from(auditLog))
      expect(JSON.stringify(row)).not.toContain('long password');
  });

  test('records actions of operators, not changes that users make to their own account', async () => {
    const member = await join('ordinary');
    await call('PATCH', '/users/me', { ...member, body: { bio: 'Mine' } });
    expect(await audit(`target=${member.id}`)).toEqual([]);
    await call('PATCH', `/users/id/${member.id}`, { authorization, body: { bio: 'Theirs', active: false } });
    await call('PATCH', `/users/id/${member.id}`, { authorization, body: { bio: 'Theirs' } });
    await call('DELETE', `/users/id/${member.id}`, { authorization });
    const entries = await audit(`target=${member.id}`);
    expect(entries.map(({ action }) => action)).toEqual(['user.erased', 'user.changed']);
  });

  test('removes the personal values of a deleted user, and nothing else', async () => {
    const { id } = await createAccount('vanishing');
    await change(id, { email: 'private@example.com', active: false });
    await call('DELETE', `/admin/auth/${id}`, { authorization });
    const entries = await audit(`target=${id}`);
    expect(entries.map(({ target_username }) => target_username)).toEqual([null, null, null]);
    expect(entries[1]?.changes).toEqual([
      { field: 'email' },
      { field: 'active', before: true, after: false },
    ]);
    const rows = [
      ...(await database.select().from(auditLog)),
      ...(await database.select().from(auditPersonalValues)),
    ];
    for (const row of rows) expect(JSON.stringify(row)).not.toContain('private@example.com');
  });

  test('has no entry for a failed action', async () => {
    const before = await database.$count(auditLog);
    await change(uuidv7(), { active: false });
    await call('POST', '/admin/auth', {
      authorization,
      body: { username: 'boss', email: 'b@example.com', password: 'a long password' },
    });
    expect(await database.$count(auditLog)).toBe(before);
  });

  test('is listed newest first in pages without gaps or duplicates, and filtered by actor', async () => {
    const { id } = await createAccount('busy');
    for (const active of [false, true, false, true]) await change(id, { active });
    const first = await call('GET', `/admin/audit?target=${id}&limit=2`, { authorization });
    await change(id, { active: false });
    const cursor = first.body.next_cursor;
    const second = await call('GET', `/admin/audit?target=${id}&limit=100&cursor=${cursor}`, {
      authorization,
    });
    const shown = [...(first.body.items as Entry[]), ...(second.body.items as Entry[])];
    expect(shown.map(({ changes }) => changes.find(({ field }) => field === 'active')?.after)).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    expect(second.body.next_cursor).toBeNull();
    expect(await audit(`actor=${uuidv7()}`)).toEqual([]);
    expect((await audit(`actor=${boss.id}&limit=1`)).length).toBe(1);
    expect((await call('GET', '/admin/audit?actor=boss', { authorization })).status).toBe(422);
  });

  test('is append-only, even for this service', async () => {
    await createAccount('carved');
    await expect(database.update(auditLog).set({ action: 'nothing' }).execute()).rejects.toThrow();
    await expect(database.delete(auditLog).execute()).rejects.toThrow();
    expect(await database.$count(auditLog)).toBeGreaterThan(0);
  });
});
