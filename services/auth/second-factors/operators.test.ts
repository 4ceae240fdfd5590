import { afterAll, describe, expect, test } from 'bun:test';
import { startIdentity } from '../../../tests/support/identity';
import { codeOf, peopleWithFactors, signedInBy } from '../../../tests/support/second-factors';
import { ensureAdministrator } from '../../users/bootstrap';

const identity = await startIdentity({ passwords: 'cheap', operatorsNeedSecondFactor: true });
const { callAuth, callUsers, usersDeps } = identity;
const people = peopleWithFactors(identity);
const { begin, complete, join, joinWithApp, signIn, told } = people;

afterAll(() => identity.close());

/** The first administrator, as a system in production makes one at its first start. */
const ADMIN = { username: 'chief', email: 'chief@example.com', password: 'of the first administrator' };
await ensureAdministrator(usersDeps, ADMIN);

const stateOf = ({ status, body }: { status: number; body: Record<string, unknown> }) => [status, body.code];
const MISSING = [403, 'auth.operator-needs-second-factor'];
const listAccounts = (authorization: string) => callUsers('GET', '/admin/auth', { authorization });
const typePassword = () => signIn(ADMIN.username, {}, ADMIN.password);

/** What docs/OPERATIONS.md tells the first administrator to do, by curl alone. */
async function followTheGuide() {
  const first = signedInBy(await typePassword());
  const { secret } = await people.setUpApp(first);
  const { body } = await typePassword();
  const { token } = body.second_factor as { token: string };
  const second = signedInBy(await complete(token, { code: codeOf(secret) }));
  return { first, second };
}
const { first, second } = await followTheGuide();

test('the first administrator of a system in production adds an app, signs in with it, and only then may do anything', async () => {
  // The sign-in of before has shown the password alone.
  expect([first.methods, ...stateOf(await listAccounts(first.authorization))]).toEqual([['pwd'], ...MISSING]);
  expect((await listAccounts(second.authorization)).status).toBe(200);
  const body = { refresh_token: second.refreshToken };
  const refreshed = signedInBy(await callAuth('POST', '/auth/refresh', { body }));
  expect((await listAccounts(refreshed.authorization)).status).toBe(200);
});

describe('an administrator who removes the second factors that somebody has lost', () => {
  const { authorization } = second;
  const remove = (id: string) => callUsers('DELETE', `/admin/auth/${id}/second-factors`, { authorization });

  test('lets the person in with the password alone; it is on record, and the person is told', async () => {
    const person = await joinWithApp();
    const token = await begin(person.username);
    expect((await remove(person.id)).status).toBe(204);
    expect((await signIn(person.username)).status).toBe(200);
    expect((await complete(token, { code: codeOf(person.secret) })).status).toBe(401);
    // Again: there is nothing more to remove.
    expect((await remove(person.id)).status).toBe(204);
    expect(await told(person.id)).toEqual(['app-added', 'removed-by-operator']);
    const audit = await callUsers('GET', `/admin/audit?target=${person.id}`, { authorization });
    expect(audit.body.items).toMatchObject([
      { action: 'user.second-factors-removed', actor_username: ADMIN.username },
      { action: 'user.second-factors-removed' },
    ]);
  });

  test('needs the permission, and somebody who is there', async () => {
    const person = await joinWithApp();
    const other = await join();
    const refused = await callUsers('DELETE', `/admin/auth/${person.id}/second-factors`, {
      authorization: other.authorization,
    });
    expect(stateOf(refused)).toEqual([403, 'auth.forbidden']);
    expect((await remove(Bun.randomUUIDv7())).status).toBe(404);
  });

  test('removes nothing while auth is away, and nothing is on record', async () => {
    const person = await joinWithApp();
    identity.away.add('auth');
    try {
      expect((await remove(person.id)).status).toBe(503);
    } finally {
      identity.away.delete('auth');
    }
    const audit = await callUsers('GET', `/admin/audit?target=${person.id}`, { authorization });
    expect(audit.body.items).toEqual([]);
    expect((await signIn(person.username)).status).toBe(401);
  });
});
