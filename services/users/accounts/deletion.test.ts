import { afterAll, expect, test } from 'bun:test';
import { startIdentity } from '../../../tests/support/identity';
import { uniqueName } from '../../../tests/support/servers';

const identity = await startIdentity({ passwords: 'cheap' });
const { authDeps, callAuth, callUsers, clock } = identity;
const PASSWORD = 'a long password';

afterAll(() => identity.close());

async function join() {
  const username = uniqueName('u').replace('-', '_');
  const { body } = await callAuth('POST', '/auth/register', {
    body: { username, email: `${username}@example.com`, password: PASSWORD },
  });
  return { username, body, authorization: `Bearer ${body.access_token}` };
}

/** A person who signed in ten minutes ago, and whose token is new. */
async function joinEarlier() {
  clock.aheadMs = -600_000;
  const person = await join();
  clock.aheadMs = 0;
  const { body } = await callAuth('POST', '/auth/refresh', {
    body: { refresh_token: person.body.refresh_token },
  });
  return { ...person, authorization: `Bearer ${body.access_token}` };
}

const remove = (authorization: string, body?: object) =>
  callUsers('DELETE', '/users/me', { authorization, ...(body !== undefined && { body }) });
const exists = async (username: string) => (await callUsers('GET', `/users/${username}`)).status === 200;

test('an account is deleted after a recent sign-in', async () => {
  const { username, authorization } = await join();
  expect((await remove(authorization)).status).toBe(204);
  expect(await exists(username)).toBe(false);
});

test('a refreshed token is no recent sign-in; signing in again is', async () => {
  const { username, authorization } = await joinEarlier();
  const refused = await remove(authorization);
  expect([refused.status, refused.body.code]).toEqual([401, 'auth.sign-in-again']);
  expect(refused.headers.get('www-authenticate')).toContain('insufficient_user_authentication');
  expect(await exists(username)).toBe(true);
  const again = await callAuth('POST', '/auth/login', { body: { username, password: PASSWORD } });
  expect((await remove(`Bearer ${again.body.access_token}`)).status).toBe(204);
});

test('the current password in the body confirms as well; a wrong one does not, however recent the sign-in', async () => {
  const [recent, earlier] = [await join(), await joinEarlier()];
  for (const { authorization, username } of [recent, earlier]) {
    const wrong = await remove(authorization, { current_password: 'not the password' });
    expect([wrong.status, wrong.body.code]).toEqual([403, 'auth.wrong-password']);
    expect((await remove(authorization, { password: PASSWORD })).status).toBeOneOf([401, 422]);
    expect(await exists(username)).toBe(true);
  }
  expect((await remove(earlier.authorization, { current_password: PASSWORD })).status).toBe(204);
  expect(await exists(earlier.username)).toBe(false);
});

test('wrong passwords that confirm are limited like those of a sign-in', async () => {
  const { authorization } = await joinEarlier();
  for (let time = 0; time < 5; time++)
    expect((await remove(authorization, { current_password: 'not the password' })).status).toBe(403);
  const refused = await remove(authorization, { current_password: PASSWORD });
  expect([refused.status, refused.body.code]).toEqual([429, 'auth.too-many-attempts']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('an access token says when its user signed in, after refreshes too, and so does its introspection', async () => {
  const { authorization } = await joinEarlier();
  const token = authorization.slice('Bearer '.length);
  const { signedInAt, issuedAt } = await authDeps.tokens.verify(token);
  expect(issuedAt - signedInAt).toBeWithin(590, 660);
  const { body } = await callAuth('POST', '/auth/introspect', { authorization, body: { token } });
  expect(body).toMatchObject({ active: true, auth_time: signedInAt });
});
