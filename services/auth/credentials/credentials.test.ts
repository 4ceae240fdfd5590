import { afterAll, describe, expect, test } from 'bun:test';
import { decodeJwt } from 'jose';
import { AuthCredentialsSet, AuthEmailSet } from '#contracts/events/auth';
import { UserAuthorizationsChanged, UserDeleted, UserUpdated } from '#contracts/events/users';
import { envelope } from '#contracts/messages';
import { uuidv7 } from '#kit/core/ids';
import { relayOutbox } from '#kit/messaging/outbox-relay';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { outbox } from '#kit/messaging/tables';
import { eventually } from '../../../tests/support/eventually';
import { startIdentity } from '../../../tests/support/identity';
import { amqpUrl, uniqueName } from '../../../tests/support/servers';
import { refreshTokens, sessions } from '../schema';
import { applyEvent, subscribe } from '../subscriptions';
import { applyCredentials } from './replication';
import { findByName, findByUserId } from './store';

const identity = await startIdentity();
const { authDeps, callAuth } = identity;
const context = { requestId: 'a-request-of-a-test', actor: null };
const hash = (password: string) =>
  Bun.password.hash(password, { algorithm: 'argon2id', memoryCost: 1_024, timeCost: 1 });

afterAll(() => identity.close());

async function credentialsSet(id: string, username: string, password: string, version: number) {
  return envelope(
    AuthCredentialsSet,
    {
      user_id: id,
      username,
      email: `${username}@example.com`,
      version,
      sealed: await authDeps.sealer.seal(await hash(password)),
    },
    context,
  );
}

const updated = (id: string, username: string, version: number, active = true) =>
  envelope(UserUpdated, { id, username, display_name: username, avatar_url: null, active, version }, context);

const deleted = (id: string, version: number) => envelope(UserDeleted, { id, version }, context);

// These users exist only at auth, which uses the stored authorizations while users is unavailable.
async function canSignIn(username: string, password: string): Promise<boolean> {
  identity.away.add('users');
  const { status } = await callAuth('POST', '/auth/login', { body: { username, password } });
  identity.away.delete('users');
  return status === 200;
}

describe('credentials', () => {
  test('allow signing in once they have arrived, however often and by call or event', async () => {
    const id = uuidv7();
    const message = await credentialsSet(id, 'twice', 'first password', 1);
    await Promise.all(Array.from({ length: 5 }, () => applyEvent(authDeps, message)));
    const again = {
      userId: id,
      username: 'twice',
      email: 'twice@example.com',
      version: 1,
      setAt: new Date(),
    };
    expect(await applyCredentials(authDeps, { ...again, passwordHash: await hash('other') })).toBe(false);
    expect(await canSignIn('twice', 'first password')).toBe(true);
  });

  test('that arrive late do not overwrite newer ones', async () => {
    const id = uuidv7();
    await applyEvent(authDeps, await credentialsSet(id, 'late', 'second password', 2));
    await applyEvent(authDeps, await credentialsSet(id, 'late', 'first password', 1));
    expect(await canSignIn('late', 'first password')).toBe(false);
    expect(await canSignIn('late', 'second password')).toBe(true);
  });

  test('that arrive late do not overwrite a password change at auth', async () => {
    const answer = await callAuth('POST', '/auth/register', {
      body: { username: 'changed', email: 'changed@example.com', password: 'first password' },
    });
    const { id } = answer.body.user as { id: string };
    const change = await callAuth('PATCH', `/auth/users/${id}`, {
      authorization: `Bearer ${answer.body.access_token}`,
      body: { current_password: 'first password', new_password: 'second password' },
    });
    expect(change.status).toBe(200);
    await applyEvent(authDeps, await credentialsSet(id, 'changed', 'first password', 1));
    expect(await canSignIn('changed', 'first password')).toBe(false);
    expect(await canSignIn('changed', 'second password')).toBe(true);
  });

  test('are applied after a newer event of the user, which keeps its newer username', async () => {
    const id = uuidv7();
    await applyEvent(authDeps, updated(id, 'new_name', 3));
    await applyEvent(authDeps, await credentialsSet(id, 'old_name', 'a password', 1));
    expect(await canSignIn('old_name', 'a password')).toBe(false);
    expect(await canSignIn('new_name', 'a password')).toBe(true);
  });

  test('encrypted with another secret are rejected', async () => {
    const message = await credentialsSet(uuidv7(), 'sealed', 'a password', 1);
    const [head, , ...rest] = message.data.sealed.split('.');
    const tampered = {
      ...message,
      data: { ...message.data, sealed: [head, '', ...rest.reverse()].join('.') },
    };
    await expect(applyEvent(authDeps, tampered)).rejects.toThrow();
  });

  test('with a username that another user has since taken belong to the current owner', async () => {
    const [former, present] = [uuidv7(), uuidv7()].sort();
    await applyEvent(authDeps, await credentialsSet(String(former), 'wanted', 'former password', 1));
    await applyEvent(authDeps, await credentialsSet(String(present), 'wanted', 'present password', 1));
    expect(await canSignIn('wanted', 'present password')).toBe(true);
    await applyEvent(authDeps, deleted(String(former), 2));
    expect(await canSignIn('wanted', 'present password')).toBe(true);
  });
});

describe('a username event', () => {
  test('older than the stored credentials does not restore an old username', async () => {
    const id = uuidv7();
    await applyEvent(authDeps, await credentialsSet(id, 'name_of_three', 'a password', 3));
    await applyEvent(authDeps, updated(id, 'name_of_two', 2));
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ username: 'name_of_three' });
    // The same version, but the first event that carries `active`.
    await applyEvent(authDeps, updated(id, 'name_of_three', 3, false));
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ active: false });
    await applyEvent(authDeps, updated(id, 'name_of_four', 4));
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ username: 'name_of_four' });
  });
});

describe('while auth is unavailable', () => {
  test('registration at users succeeds, and sign-in works once the event is delivered', async () => {
    identity.away.add('auth');
    // The throttle outlasts a test run.
    const patient = uniqueName('patient').replace('-', '_');
    const registered = await identity.callUsers('POST', '/register', {
      body: { username: patient, email: `${patient}@example.com`, password: 'a long password' },
    });
    expect(registered.status).toBe(201);
    identity.away.delete('auth');
    const signIn = () =>
      callAuth('POST', '/auth/login', { body: { username: patient, password: 'a long password' } });
    expect((await signIn()).status).toBe(401);
    const { usersDeps } = identity;
    const relaying = openRabbit(usersDeps.runtime, { urls: [amqpUrl()], required: false });
    relayOutbox(usersDeps.runtime, usersDeps.database, { rabbit: relaying });
    subscribe(authDeps, openRabbit(authDeps.runtime, { urls: [amqpUrl()], required: false }));
    await eventually(async () => {
      const known = await findByName(authDeps.database, { kind: 'username', key: patient });
      return known?.passwordHash != null;
    });
    expect((await signIn()).status).toBe(200);
    await eventually(async () => {
      const rows = await usersDeps.database.select().from(outbox);
      const sent = rows.filter((row) => row.name === 'auth.credentials-set');
      return sent.length > 0 && sent.every((row) => row.payload === '');
    });
  });

  test('a session from registration can be refreshed', async () => {
    identity.away.add('auth');
    const { body } = await callAuth('POST', '/auth/register', {
      body: { username: 'early', email: 'early@example.com', password: 'a long password' },
    });
    const refreshed = await callAuth('POST', '/auth/refresh', {
      body: { refresh_token: body.refresh_token },
    });
    identity.away.delete('auth');
    expect(refreshed.status).toBe(200);
  });
});

describe('a user', () => {
  test('who is deactivated is signed out at once, and can sign in after reactivation', async () => {
    const { id, authorization } = await joined('paused');
    await applyEvent(authDeps, updated(id, 'paused', 2, false));
    expect((await callAuth('GET', '/auth/me', { authorization })).status).toBe(401);
    expect(await canSignIn('paused', 'a long password')).toBe(false);
    await applyEvent(authDeps, updated(id, 'paused', 3, true));
    await applyEvent(authDeps, updated(id, 'paused', 2, false));
    expect(await canSignIn('paused', 'a long password')).toBe(true);
  });

  test('who loses a permission has to refresh the token, and keeps the session', async () => {
    const { id, authorization, refreshToken } = await joined('demoted');
    const change = (version: number, reduced: boolean, permissions: string[]) =>
      applyEvent(
        authDeps,
        envelope(
          UserAuthorizationsChanged,
          { user_id: id, roles: ['user'], permissions, active: true, reduced, version },
          context,
        ),
      );
    const me = () => callAuth('GET', '/auth/me', { authorization });
    await change(2, false, ['posts:moderate']);
    expect((await me()).status).toBe(200);
    await change(3, true, []);
    await change(2, false, ['posts:moderate']);
    expect((await me()).status).toBe(401);
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ permissions: [] });
    identity.away.add('users');
    const again = await callAuth('POST', '/auth/refresh', { body: { refresh_token: refreshToken } });
    identity.away.delete('users');
    expect(again.status).toBe(200);
    const renewed = String(again.body.access_token);
    expect(decodeJwt(renewed).permissions).toEqual([]);
    expect((await callAuth('GET', '/auth/me', { authorization: `Bearer ${renewed}` })).status).toBe(200);
  });

  test('whose password an operator has replaced is signed out everywhere and needs the new one', async () => {
    const { id, authorization, refreshToken } = await joined('replaced');
    await applyEvent(authDeps, await credentialsSet(id, 'replaced', 'the new password', 2));
    expect((await callAuth('GET', '/auth/me', { authorization })).status).toBe(401);
    const refreshed = await callAuth('POST', '/auth/refresh', { body: { refresh_token: refreshToken } });
    expect(refreshed.status).toBe(401);
    expect(await canSignIn('replaced', 'a long password')).toBe(false);
    expect(await canSignIn('replaced', 'the new password')).toBe(true);
    // The second event of the same change has the same version and must not be ignored as stale.
    await applyEvent(authDeps, updated(id, 'replaced', 2, false));
    expect(await canSignIn('replaced', 'the new password')).toBe(false);
  });

  test('keeps the newest email address, whatever the order of events', async () => {
    const id = uuidv7();
    const emailSet = (email: string, version: number) =>
      applyEvent(authDeps, envelope(AuthEmailSet, { user_id: id, email, version }, context));
    await emailSet('new@example.com', 3);
    await applyEvent(authDeps, await credentialsSet(id, 'moved', 'a long password', 1));
    await emailSet('old@example.com', 2);
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ email: 'new@example.com' });
    expect(await canSignIn('moved', 'a long password')).toBe(true);
  });

  test('who is deleted leaves only a tombstone, and late events do not restore them', async () => {
    const { id, authorization } = await joined('erased');
    await applyEvent(authDeps, deleted(id, 5));
    await applyEvent(authDeps, await credentialsSet(id, 'erased', 'a long password', 9));
    await applyEvent(authDeps, updated(id, 'erased', 9));
    await applyEvent(authDeps, deleted(id, 5));
    expect((await callAuth('GET', '/auth/me', { authorization })).status).toBe(401);
    expect(await canSignIn('erased', 'a long password')).toBe(false);
    expect(await findByUserId(authDeps.database, id)).toMatchObject({
      username: null,
      email: null,
      passwordHash: null,
      roles: null,
    });
    const remaining = await authDeps.database.select().from(sessions);
    expect(remaining.map((session) => session.userId)).not.toContain(id);
    const sessionIds = new Set(remaining.map((session) => session.id));
    for (const token of await authDeps.database.select().from(refreshTokens))
      expect(sessionIds.has(token.sessionId)).toBe(true);
  });
});

async function joined(username: string) {
  const { body } = await callAuth('POST', '/auth/register', {
    body: { username, email: `${username}@example.com`, password: 'a long password' },
  });
  return {
    id: (body.user as { id: string }).id,
    authorization: `Bearer ${body.access_token}`,
    refreshToken: String(body.refresh_token),
  };
}
