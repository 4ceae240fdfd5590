import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import { normalizePassword } from '#kit/text/password';
import { startIdentity } from '../../../tests/support/identity';
import { credentials } from '../schema';

const identity = await startIdentity();
const { authDeps, callAuth, callUsers } = identity;
afterAll(() => identity.close());

let count = 0;
const register = (password: string, path: '/register' | '/auth/register' = '/auth/register') => {
  const username = `secretive_${++count}`;
  const body = { username, email: `${username}@example.com`, password };
  const answering =
    path === '/register' ? callUsers('POST', path, { body }) : callAuth('POST', path, { body });
  return answering.then((answer) => ({ ...answer, username }));
};
const signIn = async (username: string, password: string) =>
  (await callAuth('POST', '/auth/login', { body: { username, password } })).status;

const COMPOSED = 'Mötley Crüe 1981'.normalize('NFC');
const DECOMPOSED = COMPOSED.normalize('NFD');
const WIDE_SPACES = COMPOSED.replaceAll(' ', '\u3000');

describe('a password', () => {
  test.each([
    [COMPOSED, '/register'],
    [DECOMPOSED, '/register'],
    [COMPOSED, '/auth/register'],
    [WIDE_SPACES, '/auth/register'],
  ] as const)('that was set as %j at %s signs in from every keyboard', async (password, path) => {
    const { status, username } = await register(password, path);
    expect(status).toBe(201);
    for (const typed of [COMPOSED, DECOMPOSED, WIDE_SPACES]) {
      expect([typed, await signIn(username, typed)]).toEqual([typed, 200]);
      const atUsers = await callUsers('POST', '/login', { body: { username, password: typed } });
      expect([typed, atUsers.status]).toEqual([typed, 200]);
    }
    expect(await signIn(username, COMPOSED.toLowerCase())).toBe(401);
    expect(await signIn(username, COMPOSED.replace('ö', 'o'))).toBe(401);
  });

  test('is confirmed in any form when it is changed, and the new one signs in from every keyboard', async () => {
    const { body, username } = await register(COMPOSED);
    const authorization = `Bearer ${body.access_token}`;
    const { sub } = decodeJwt(String(body.access_token));
    const changed = await callAuth('PATCH', `/auth/users/${sub}`, {
      authorization,
      body: { current_password: DECOMPOSED, new_password: `${DECOMPOSED}!` },
    });
    expect(changed.status).toBe(200);
    expect(await signIn(username, `${COMPOSED}!`)).toBe(200);
  });

  test('whose hash is older than the rule signs in as it was typed then, and afterwards in every form', async () => {
    const { body, username } = await register(COMPOSED);
    const { sub } = decodeJwt(String(body.access_token));
    const raw = await Bun.password.hash(DECOMPOSED, {
      algorithm: 'argon2id',
      memoryCost: 19_456,
      timeCost: 2,
    });
    const row = eq(credentials.userId, String(sub));
    await authDeps.database.update(credentials).set({ passwordHash: raw }).where(row);
    expect(await signIn(username, COMPOSED)).toBe(401);
    expect(await signIn(username, DECOMPOSED)).toBe(200);
    const [after] = await authDeps.database.select().from(credentials).where(row);
    expect(await Bun.password.verify(normalizePassword(DECOMPOSED), String(after?.passwordHash))).toBe(true);
    for (const typed of [COMPOSED, DECOMPOSED]) expect(await signIn(username, typed)).toBe(200);
  });

  test('longer than any could be is refused before it is hashed', async () => {
    const { username } = await register(COMPOSED);
    expect(await signIn(username, 'p'.repeat(256))).toBe(401);
    expect(await signIn(username, 'p'.repeat(257))).toBe(422);
  });

  test('that is one of the worst is refused with the reason, wherever one is set, and never repeated', async () => {
    const member = await register('a long password');
    const { sub } = decodeJwt(String(member.body.access_token));
    const changed = await callAuth('PATCH', `/auth/users/${sub}`, {
      authorization: `Bearer ${member.body.access_token}`,
      body: { current_password: 'a long password', new_password: `${member.username}!` },
    });
    expect([changed.status, changed.body.errors]).toEqual([
      422,
      [{ field: 'new_password', message: expect.stringContaining('your own name') }],
    ]);
    expect(await signIn(member.username, 'a long password')).toBe(200);
    for (const path of ['/register', '/auth/register'] as const) {
      const { status, body } = await register('Password1!', path);
      expect([status, body.errors]).toEqual([
        422,
        [{ field: 'password', message: expect.stringContaining('most common') }],
      ]);
      expect(JSON.stringify(body)).not.toContain('Password1');
    }
  });

  const FAMILY = '👨‍👩‍👧‍👦';
  test.each([
    ['4 emoji', '😀😁😂🤣', 422],
    ['7 letters with accents', 'é'.normalize('NFD').repeat(7), 422],
    ['257 emoji', '😀'.repeat(257), 422],
    ['only invisible characters', '\u3164'.repeat(8), 422],
    ['8 emoji', '😀😁😂🤣😃😄😅😆', 201],
    ['129 emoji', '😀'.repeat(129), 201],
    ['256 families', FAMILY.repeat(256), 201],
  ])('of %s is counted in what people see, wherever one is set', async (_what, password, expected) => {
    for (const path of ['/register', '/auth/register'] as const) {
      const { status, body, username } = await register(password, path);
      expect([path, status]).toEqual([path, expected]);
      if (expected === 201) expect(await signIn(username, password)).toBe(200);
      else expect(body.errors).toMatchObject([{ field: 'password' }]);
    }
    const member = await register('a long password');
    const { sub } = decodeJwt(String(member.body.access_token));
    const changed = await callAuth('PATCH', `/auth/users/${sub}`, {
      authorization: `Bearer ${member.body.access_token}`,
      body: { current_password: 'a long password', new_password: password },
    });
    expect(changed.status).toBe(expected === 201 ? 200 : 422);
    const reset = await callAuth('POST', '/auth/password/reset', {
      body: { token: 'x', new_password: password },
    });
    expect(reset.status).toBe(expected === 201 ? 410 : 422);
  });
});
