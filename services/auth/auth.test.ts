import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { routeClaims } from '#kit/http/route-claims';
import { startIdentity } from '../../tests/support/identity';
import { permittedClient } from '../../tests/support/permitted-client';
import { exportAll, recordsIn } from '../../tests/support/portability';
import { uniqueName } from '../../tests/support/servers';
import { authPortability } from './portability';
import { credentials, refreshTokens, sessions } from './schema';
import { sweepBatch } from './sweep';

const identity = await startIdentity();
const { authDeps, callAuth, callUsers, clock } = identity;
const PASSWORD = 'a long password';

afterAll(() => identity.close());

let count = 0;
async function join() {
  const username = `user_${++count}`;
  const answer = await callAuth('POST', '/auth/register', {
    body: { username, email: `${username}@example.com`, password: PASSWORD },
  });
  expect(answer.status).toBe(201);
  return { username, ...signedIn(answer) };
}

async function signIn(username: string, password = PASSWORD) {
  const answer = await callAuth('POST', '/auth/login', { body: { username, password } });
  return { ...answer, ...(answer.status === 200 && signedIn(answer)) };
}

function signedIn({ body }: { body: Record<string, unknown> }) {
  const accessToken = String(body.access_token);
  const claims = decodeJwt(accessToken);
  return {
    accessToken,
    authorization: `Bearer ${accessToken}`,
    refreshToken: String(body.refresh_token),
    id: String(claims.sub),
    sessionId: String(claims.sid),
    claims,
  };
}

const refresh = (refresh_token: string) => callAuth('POST', '/auth/refresh', { body: { refresh_token } });
const me = (authorization: string) => callAuth('GET', '/auth/me', { authorization });
const codeOf = ({ status, body }: { status: number; body: Record<string, unknown> }) => [status, body.code];

describe('registration', () => {
  test('creates the user at users and signs them in, with the refresh token in an HttpOnly cookie', async () => {
    const answer = await callAuth('POST', '/auth/register', {
      body: { username: 'Ada', email: 'Ada@Example.com', password: PASSWORD },
      headers: { host: 'rookery.example', 'x-forwarded-proto': 'https' },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('location')).toBe('/users/ada');
    const cookie = answer.headers.get('set-cookie') ?? '';
    for (const part of [
      `refresh_token=${answer.body.refresh_token}`,
      'HttpOnly',
      'Secure',
      'SameSite=Lax',
      'Path=/auth',
    ])
      expect(cookie).toContain(part);
    const { authorization } = signedIn(answer);
    expect((await me(authorization)).body).toMatchObject({
      username: 'ada',
      email: 'Ada@Example.com',
      roles: ['user'],
      permissions: [],
    });
    expect((await callUsers('GET', '/users/me', { authorization })).status).toBe(200);
  });

  test('forwards the validation errors of users without echoing the input', async () => {
    const { username } = await join();
    const taken = await callAuth('POST', '/auth/register', {
      body: { username, email: 'other@example.com', password: PASSWORD },
    });
    expect(codeOf(taken)).toEqual([409, 'user.username-taken']);
    const short = await callAuth('POST', '/auth/register', {
      body: { username: 'shorty', email: 'shorty@example.com', password: 'pw' },
    });
    expect(short.status).toBe(422);
    expect(short.body.errors).toMatchObject([{ field: 'password' }]);
    expect(JSON.stringify(short.body)).not.toContain('"pw"');
  });

  test('sets a cookie without Secure on plain localhost, where browsers drop secure cookies', async () => {
    const { username } = await join();
    const answer = await callAuth('POST', '/auth/login', {
      body: { username, password: PASSWORD },
      headers: { host: 'localhost:8080' },
    });
    expect(answer.headers.get('set-cookie')).not.toContain('Secure');
  });
});

describe('sign-in', () => {
  test('works by username and by email address, in any case, at auth and at users', async () => {
    const { username } = await join();
    expect((await signIn(username.toUpperCase())).status).toBe(200);
    const byAddress = { email: `${username.toUpperCase()}@example.com`, password: PASSWORD };
    expect((await callAuth('POST', '/auth/login', { body: byAddress })).status).toBe(200);
    expect((await callUsers('POST', '/login', { body: { username, password: PASSWORD } })).status).toBe(200);
  });

  test('returns the same response for an unknown username and a wrong password', async () => {
    const { username } = await join();
    const wrong = await signIn(username, 'not the password');
    const unknown = await signIn(uniqueName('nobody'), 'not the password');
    expect(codeOf(wrong)).toEqual([401, 'auth.wrong-credentials']);
    const { request_id: _, ...expected } = unknown.body;
    expect(wrong.body).toMatchObject(expected);
  });

  test('rejects a request with both or neither of username and email', async () => {
    for (const names of [{}, { username: 'ada', email: 'ada@example.com' }])
      expect((await callAuth('POST', '/auth/login', { body: { ...names, password: PASSWORD } })).status).toBe(
        422,
      );
  });

  test('rejects a form, which any web page could submit', async () => {
    const answer = await callAuth('POST', '/auth/login', {
      body: 'username=ada&password=x',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(answer.status).toBe(415);
  });

  test('issues tokens with the stored authorizations while users is unavailable', async () => {
    const { username } = await join();
    identity.away.add('users');
    try {
      const { claims } = await signIn(username);
      expect(claims).toMatchObject({ username, roles: ['user'], permissions: [] });
    } finally {
      identity.away.delete('users');
    }
  });

  test('is rejected for a deactivated user, and so are their refresh tokens', async () => {
    const { id, username, refreshToken } = await join();
    const other = await join();
    await authDeps.database.update(credentials).set({ active: false }).where(eq(credentials.userId, id));
    expect(codeOf(await signIn(username))).toEqual([403, 'auth.deactivated']);
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await refresh(other.refreshToken)).status).toBe(200);
  });

  test('replaces a password hash with outdated parameters', async () => {
    const { id, username } = await join();
    const weak = await Bun.password.hash(PASSWORD, { algorithm: 'argon2id', memoryCost: 1_024, timeCost: 1 });
    const row = eq(credentials.userId, id);
    await authDeps.database.update(credentials).set({ passwordHash: weak }).where(row);
    expect((await signIn(username)).status).toBe(200);
    const [after] = await authDeps.database.select().from(credentials).where(row);
    expect(after?.passwordHash).toContain('m=19456,t=2,p=1');
    expect((await signIn(username)).status).toBe(200);
  });
});

describe('a refresh token', () => {
  test('is stored only as a hash', async () => {
    const { refreshToken, sessionId } = await join();
    const rows = await authDeps.database
      .select()
      .from(refreshTokens)
      .where(eq(refreshTokens.sessionId, sessionId));
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(refreshToken);
  });

  test('used fifty times concurrently returns the same successor, and the session continues', async () => {
    const { refreshToken, sessionId } = await join();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    const successors = new Set(answers.map(({ body }) => String(body.refresh_token)));
    expect(successors.size).toBe(1);
    for (const answer of answers) expect(signedIn(answer).sessionId).toBe(sessionId);
    const rows = await authDeps.database
      .select()
      .from(refreshTokens)
      .where(eq(refreshTokens.sessionId, sessionId));
    expect(rows.map((row) => row.usedAt === null).sort()).toEqual([false, true]);
    const [successor = ''] = successors;
    expect((await refresh(successor)).status).toBe(200);
  });

  test('repeated by a second tab returns the newest successor', async () => {
    const { refreshToken } = await join();
    const first = String((await refresh(refreshToken)).body.refresh_token);
    const second = String((await refresh(first)).body.refresh_token);
    expect((await refresh(refreshToken)).body.refresh_token).toBe(second);
  });

  test('reused later ends the session, with all tokens issued in it', async () => {
    const { refreshToken, authorization } = await join();
    const next = signedIn(await refresh(refreshToken));
    clock.aheadMs += 10_001;
    try {
      expect(codeOf(await refresh(refreshToken))).toEqual([401, 'auth.refresh-refused']);
      expect((await refresh(next.refreshToken)).status).toBe(401);
      for (const token of [authorization, next.authorization]) expect((await me(token)).status).toBe(401);
    } finally {
      clock.aheadMs -= 10_001;
    }
  });

  test('expires after a week without use, and after thirty days in any case', async () => {
    const day = 24 * 3_600_000;
    const idle = await join();
    const busy = await join();
    try {
      let token = busy.refreshToken;
      for (let days = 0; days < 30; days += 6) {
        const answer = await refresh(token);
        expect(answer.status).toBe(200);
        token = String(answer.body.refresh_token);
        clock.aheadMs += 6 * day;
      }
      expect((await refresh(token)).status).toBe(401);
      expect((await refresh(idle.refreshToken)).status).toBe(401);
      const before = (await authDeps.database.select().from(sessions)).length;
      while (await sweepBatch(authDeps));
      const remaining = await authDeps.database.select().from(sessions);
      expect(remaining.length).toBeLessThan(before);
      expect(remaining.map((session) => session.id)).not.toContain(idle.sessionId);
    } finally {
      clock.aheadMs = 0;
    }
  });

  test('is read from the cookie if the body has none; without either the response is 401', async () => {
    const { refreshToken } = await join();
    const answer = await callAuth('POST', '/auth/refresh', {
      headers: { cookie: `other=1; refresh_token=${refreshToken}` },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('set-cookie')).toContain(`refresh_token=${answer.body.refresh_token}`);
    expect((await callAuth('POST', '/auth/refresh')).status).toBe(401);
    const unknown = await refresh('unknown');
    expect([unknown.status, unknown.headers.get('set-cookie')]).toEqual([401, null]);
  });

  test('in a cookie is deleted when it is rejected', async () => {
    const answer = await callAuth('POST', '/auth/refresh', { headers: { cookie: 'refresh_token=stale' } });
    expect(codeOf(answer)).toEqual([401, 'auth.refresh-refused']);
    expect(answer.headers.get('set-cookie')).toMatch(/^refresh_token=;.*Path=\/auth;.*Max-Age=0/);
  });
});

describe('sessions', () => {
  test('are listed with the current one marked, and end individually', async () => {
    const first = await join();
    const second = await signIn(first.username);
    const { body } = await callAuth('GET', '/auth/sessions', { authorization: second.authorization ?? '' });
    expect(body.items).toMatchObject([
      { id: second.sessionId, current: true },
      { id: first.sessionId, current: false },
    ]);
    const ended = await callAuth('DELETE', `/auth/sessions/${first.sessionId}`, {
      authorization: second.authorization ?? '',
    });
    expect(ended.status).toBe(204);
    expect((await me(first.authorization)).status).toBe(401);
    expect((await refresh(first.refreshToken)).status).toBe(401);
    expect((await me(second.authorization ?? '')).status).toBe(200);
  });

  test('of other users can be neither seen nor ended', async () => {
    const [one, other] = [await join(), await join()];
    const answer = await callAuth('DELETE', `/auth/sessions/${other.sessionId}`, {
      authorization: one.authorization,
    });
    expect(codeOf(answer)).toEqual([404, 'auth.session-not-found']);
    expect((await me(other.authorization)).status).toBe(200);
  });

  test('are ended by signing out with either token, which always returns 204', async () => {
    const byCookie = await join();
    const answer = await callAuth('POST', '/auth/logout', {
      headers: { cookie: `refresh_token=${byCookie.refreshToken}` },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await me(byCookie.authorization)).status).toBe(401);
    const byToken = await join();
    await callAuth('POST', '/auth/logout', { authorization: byToken.authorization });
    expect((await refresh(byToken.refreshToken)).status).toBe(401);
    expect((await callAuth('POST', '/auth/logout', { authorization: 'Bearer nonsense' })).status).toBe(204);
  });
});

describe('a password change', () => {
  test.each(['users', 'usuarios'])(
    'at /auth/%s requires the current password, ends all sessions, and continues in a new one',
    async (path) => {
      const first = await join();
      const second = await signIn(first.username);
      const change = (current_password: string) =>
        callAuth('PATCH', `/auth/${path}/${first.id}`, {
          authorization: first.authorization,
          body: { current_password, new_password: 'another long password' },
        });
      expect(codeOf(await change('a wrong password'))).toEqual([403, 'auth.wrong-password']);
      const changed = await change(PASSWORD);
      expect(changed.status).toBe(200);
      for (const ended of [first, second]) {
        expect((await me(ended.authorization ?? '')).status).toBe(401);
        expect((await refresh(ended.refreshToken ?? '')).status).toBe(401);
      }
      const renewed = signedIn(changed);
      expect((await me(renewed.authorization)).body).toMatchObject({ username: first.username });
      expect(changed.headers.get('set-cookie')).toContain(`refresh_token=${renewed.refreshToken}`);
      expect((await refresh(renewed.refreshToken)).status).toBe(200);
      expect((await signIn(first.username)).status).toBe(401);
      expect((await signIn(first.username, 'another long password')).status).toBe(200);
    },
  );

  test('gives a page with the refresh token in the cookie the new one there, and the old one is refused', async () => {
    const { id, authorization, refreshToken } = await join();
    const changed = await callAuth('PATCH', `/auth/users/${id}`, {
      authorization,
      body: { current_password: PASSWORD, new_password: 'another long password' },
      headers: { cookie: `refresh_token=${refreshToken}` },
    });
    expect([changed.status, changed.body]).toEqual([204, {}]);
    const cookie = changed.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    expect((await callAuth('POST', '/auth/refresh', { headers: { cookie } })).status).toBe(200);
    expect((await refresh(refreshToken)).status).toBe(401);
  });

  test('is rejected for another user', async () => {
    const [one, other] = [await join(), await join()];
    const answer = await callAuth('PATCH', `/auth/users/${other.id}`, {
      authorization: one.authorization,
      body: { current_password: PASSWORD, new_password: 'another long password' },
    });
    expect(answer.status).toBe(403);
    expect((await signIn(other.username)).status).toBe(200);
  });
});

describe('token endpoints', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };

  test('verification returns the claims of a valid token and 401 for any other', async () => {
    const { accessToken, id, sessionId } = await join();
    const good = await callAuth('POST', '/auth/verify', { body: { token: accessToken } });
    expect(good.body).toMatchObject({ user_id: id, session_id: sessionId, roles: ['user'] });
    expect((await callAuth('POST', '/auth/verify', { body: { token: 'nonsense' } })).status).toBe(401);
  });

  test('introspection requires a token, accepts forms, and reports an unknown token only as inactive', async () => {
    const { accessToken, authorization, refreshToken, id } = await join();
    const introspect = async (token: string) =>
      (
        await callAuth('POST', '/auth/introspect', {
          body: new URLSearchParams({ token }).toString(),
          headers: form,
          authorization,
        })
      ).body;
    expect(await introspect(accessToken)).toMatchObject({ active: true, sub: id, aud: 'rookery' });
    expect(await introspect(refreshToken)).toMatchObject({
      active: true,
      sub: id,
      token_type: 'refresh_token',
    });
    await refresh(refreshToken);
    for (const unknown of [refreshToken, 'nonsense'])
      expect(await introspect(unknown)).toEqual({ active: false });
    const stranger = await callAuth('POST', '/auth/introspect', { body: { token: accessToken } });
    expect(stranger.status).toBe(401);
  });

  test('revocation ends an access token alone or a refresh token with its session, and ignores an unknown one', async () => {
    const user = await join();
    const second = signedIn(await refresh(user.refreshToken));
    const revoke = (token: string) =>
      callAuth('POST', '/auth/revoke', { body: new URLSearchParams({ token }).toString(), headers: form });
    expect((await revoke(user.accessToken)).status).toBe(200);
    expect((await me(user.authorization)).status).toBe(401);
    expect((await me(second.authorization)).status).toBe(200);
    expect((await revoke(second.refreshToken)).status).toBe(200);
    expect((await me(second.authorization)).status).toBe(401);
    expect((await revoke('unknown')).status).toBe(200);
  });
});

test('gRPC supports sign-in, refresh, me, verification and sign-out', async () => {
  const { username, id } = await join();
  const client = permittedClient(identity.usersDeps.runtime, {
    service: 'auth',
    definition: AuthServiceDefinition,
    registry: identity.registry,
  });
  const { signed_in } = await client.login({ username, password: PASSWORD });
  const again = await client.refresh({ refresh_token: signed_in?.refresh_token });
  const access_token = again.tokens?.access_token ?? '';
  const asUser = { onBehalfOf: { authorization: `Bearer ${access_token}` } };
  expect(await client.me({}, asUser)).toMatchObject({ id, username, roles: ['user'] });
  expect(await client.verifyToken({ access_token })).toMatchObject({ user_id: id });
  await client.logout({}, asUser);
  // Awaited first: `rejects` would block the server, which runs in this process.
  const rejection = await client.verifyToken({ access_token }).catch((problem: unknown) => problem);
  expect(rejection).toMatchObject({ status: 401 });
  const { revocations } = await client.listRevocations({});
  expect(revocations.map(({ subject }) => subject)).toContain(String(decodeJwt(access_token).sid));
});

test('every route declares its access rule and rejects unauthenticated requests', async () => {
  for (const { method, path, auth } of routeClaims(identity.authApp)) {
    if (auth === 'public') continue;
    expect((await callAuth(method, path.replace(':id', 'x'))).status).toBe(401);
  }
});

test('an export has the sessions of a person, also ended ones, and no secret', async () => {
  const { username, id, authorization } = await join();
  await signIn(username);
  await callAuth('POST', '/auth/logout', { authorization });
  const exported = await exportAll(authPortability(authDeps), id);
  const own = recordsIn(exported).sessions ?? [];
  expect(own).toHaveLength(2);
  expect(own.filter(({ ended_at }) => ended_at !== null)).toHaveLength(1);
  const stored = await authDeps.database.select().from(refreshTokens);
  for (const { hash } of stored) expect(JSON.stringify(exported)).not.toContain(hash);
});
