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
import { amqpUrl } from '../../../tests/support/servers';
import { refreshTokens, sessions } from '../schema';
import { subscribe, takeOver } from '../subscriptions';
import { setCredentials } from './service';
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

// These people exist here only; what they may do is what was known last.
async function canSignIn(username: string, password: string): Promise<boolean> {
  identity.away.add('users');
  const { status } = await callAuth('POST', '/auth/login', { body: { username, password } });
  identity.away.delete('users');
  return status === 200;
}

describe('credentials', () => {
  test('let somebody sign in once they have arrived, however often and by whichever way they come', async () => {
    const id = uuidv7();
    const message = await credentialsSet(id, 'twice', 'first password', 1);
    await Promise.all(Array.from({ length: 5 }, () => takeOver(authDeps, message)));
    const again = {
      userId: id,
      username: 'twice',
      email: 'twice@example.com',
      version: 1,
      setAt: new Date(),
    };
    expect(await setCredentials(authDeps, { ...again, passwordHash: await hash('other') })).toBe(false);
    expect(await canSignIn('twice', 'first password')).toBe(true);
  });

  test('that come late do not undo newer ones', async () => {
    const id = uuidv7();
    await takeOver(authDeps, await credentialsSet(id, 'late', 'second password', 2));
    await takeOver(authDeps, await credentialsSet(id, 'late', 'first password', 1));
    expect(await canSignIn('late', 'first password')).toBe(false);
    expect(await canSignIn('late', 'second password')).toBe(true);
  });

  test('that come late do not undo a password changed here', async () => {
    const answer = await callAuth('POST', '/auth/register', {
      body: { username: 'changed', email: 'changed@example.com', password: 'first password' },
    });
    const { id } = answer.body.user as { id: string };
    const change = await callAuth('PATCH', `/auth/users/${id}`, {
      authorization: `Bearer ${answer.body.access_token}`,
      body: { current_password: 'first password', new_password: 'second password' },
    });
    expect(change.status).toBe(204);
    await takeOver(authDeps, await credentialsSet(id, 'changed', 'first password', 1));
    expect(await canSignIn('changed', 'first password')).toBe(false);
    expect(await canSignIn('changed', 'second password')).toBe(true);
  });

  test('are taken even when newer news of the person came first, with the newer name', async () => {
    const id = uuidv7();
    await takeOver(authDeps, updated(id, 'new_name', 3));
    await takeOver(authDeps, await credentialsSet(id, 'old_name', 'a password', 1));
    expect(await canSignIn('old_name', 'a password')).toBe(false);
    expect(await canSignIn('new_name', 'a password')).toBe(true);
  });

  test('sealed with another secret are not taken', async () => {
    const message = await credentialsSet(uuidv7(), 'sealed', 'a password', 1);
    const [head, , ...rest] = message.data.sealed.split('.');
    const tampered = {
      ...message,
      data: { ...message.data, sealed: [head, '', ...rest.reverse()].join('.') },
    };
    await expect(takeOver(authDeps, tampered)).rejects.toThrow();
  });

  test('whose name another person took meanwhile lead to the one who has it now', async () => {
    const [former, present] = [uuidv7(), uuidv7()].sort();
    await takeOver(authDeps, await credentialsSet(String(former), 'wanted', 'former password', 1));
    await takeOver(authDeps, await credentialsSet(String(present), 'wanted', 'present password', 1));
    expect(await canSignIn('wanted', 'present password')).toBe(true);
    await takeOver(authDeps, deleted(String(former), 2));
    expect(await canSignIn('wanted', 'present password')).toBe(true);
  });
});

describe('news of a name', () => {
  test('older than credentials that came first does not bring an old name back', async () => {
    const id = uuidv7();
    await takeOver(authDeps, await credentialsSet(id, 'name_of_three', 'a password', 3));
    await takeOver(authDeps, updated(id, 'name_of_two', 2));
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ username: 'name_of_three' });
    // Of the same version, and still worth hearing for whether they may sign in.
    await takeOver(authDeps, updated(id, 'name_of_three', 3, false));
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ active: false });
    await takeOver(authDeps, updated(id, 'name_of_four', 4));
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ username: 'name_of_four' });
  });
});

describe('with auth or the way to it down', () => {
  test('registering at users succeeds, and signing in works once the message has come through', async () => {
    identity.away.add('auth');
    const registered = await identity.callUsers('POST', '/register', {
      body: { username: 'patient', email: 'patient@example.com', password: 'a long password' },
    });
    expect(registered.status).toBe(201);
    identity.away.delete('auth');
    const signIn = () =>
      callAuth('POST', '/auth/login', { body: { username: 'patient', password: 'a long password' } });
    expect((await signIn()).status).toBe(401);
    const { usersDeps } = identity;
    const relaying = openRabbit(usersDeps.runtime, { url: amqpUrl(), required: false });
    relayOutbox(usersDeps.runtime, usersDeps.database, { rabbit: relaying });
    subscribe(authDeps, openRabbit(authDeps.runtime, { url: amqpUrl(), required: false }));
    await eventually(async () => {
      const known = await findByName(authDeps.database, { kind: 'username', value: 'patient' });
      return known?.passwordHash != null;
    });
    expect((await signIn()).status).toBe(200);
    await eventually(async () => {
      const rows = await usersDeps.database.select().from(outbox);
      const sent = rows.filter((row) => row.name === 'auth.credentials-set');
      return sent.length > 0 && sent.every((row) => row.payload === '');
    });
  });

  test('a session from registering lives on', async () => {
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

describe('a person', () => {
  test('who is deactivated is signed out at once and may come back', async () => {
    const { id, authorization } = await joined('paused');
    await takeOver(authDeps, updated(id, 'paused', 2, false));
    expect((await callAuth('GET', '/auth/me', { authorization })).status).toBe(401);
    expect(await canSignIn('paused', 'a long password')).toBe(false);
    await takeOver(authDeps, updated(id, 'paused', 3, true));
    await takeOver(authDeps, updated(id, 'paused', 2, false));
    expect(await canSignIn('paused', 'a long password')).toBe(true);
  });

  test('from whom a right was taken has to refresh, and keeps the session', async () => {
    const { id, authorization, refreshToken } = await joined('demoted');
    const change = (version: number, reduced: boolean, permissions: string[]) =>
      takeOver(
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

  test('whose password somebody in charge has replaced is signed out everywhere, and needs the new one', async () => {
    const { id, authorization, refreshToken } = await joined('replaced');
    await takeOver(authDeps, await credentialsSet(id, 'replaced', 'the new password', 2));
    expect((await callAuth('GET', '/auth/me', { authorization })).status).toBe(401);
    const refreshed = await callAuth('POST', '/auth/refresh', { body: { refresh_token: refreshToken } });
    expect(refreshed.status).toBe(401);
    expect(await canSignIn('replaced', 'a long password')).toBe(false);
    expect(await canSignIn('replaced', 'the new password')).toBe(true);
    // The same change told in two ways: the second must not be taken for an old one.
    await takeOver(authDeps, updated(id, 'replaced', 2, false));
    expect(await canSignIn('replaced', 'the new password')).toBe(false);
  });

  test('who has a new address signs in with it, whenever the news comes', async () => {
    const id = uuidv7();
    const emailSet = (email: string, version: number) =>
      takeOver(authDeps, envelope(AuthEmailSet, { user_id: id, email, version }, context));
    await emailSet('new@example.com', 3);
    await takeOver(authDeps, await credentialsSet(id, 'moved', 'a long password', 1));
    await emailSet('old@example.com', 2);
    expect(await findByUserId(authDeps.database, id)).toMatchObject({ email: 'new@example.com' });
    expect(await canSignIn('moved', 'a long password')).toBe(true);
  });

  test('who is erased leaves nothing but an id, and nothing late brings them back', async () => {
    const { id, authorization } = await joined('erased');
    await takeOver(authDeps, deleted(id, 5));
    await takeOver(authDeps, await credentialsSet(id, 'erased', 'a long password', 9));
    await takeOver(authDeps, updated(id, 'erased', 9));
    await takeOver(authDeps, deleted(id, 5));
    expect((await callAuth('GET', '/auth/me', { authorization })).status).toBe(401);
    expect(await canSignIn('erased', 'a long password')).toBe(false);
    expect(await findByUserId(authDeps.database, id)).toMatchObject({
      username: null,
      email: null,
      passwordHash: null,
      roles: null,
    });
    const left = await authDeps.database.select().from(sessions);
    expect(left.map((session) => session.userId)).not.toContain(id);
    const kept = new Set(left.map((session) => session.id));
    for (const token of await authDeps.database.select().from(refreshTokens))
      expect(kept.has(token.sessionId)).toBe(true);
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
