import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { inTransaction } from '#kit/mysql/database';
import {
  authorizationRequest,
  CALLBACK,
  type Person,
  startProvider,
} from '../../../tests/support/oauth-provider';
import { exportAll, recordsIn } from '../../../tests/support/portability';
import { eraseUser } from '../credentials/replication';
import { serverMetadata } from '../keys/metadata';
import { requestedScopes } from '../oauth/scopes';
import { insertAppToken } from '../oauth/store';
import { authPortability } from '../portability';
import { apps, appTokens, authorizationCodes, consents, deviceCodes, sessions } from '../schema';
import { hashOf } from '../secrets';
import { insertSession, listOpenSessionIds } from '../sessions/store';
import { sweepBatch } from '../sweep';
import { type NewApp, registerApp } from './registration';
import { findApp } from './store';

const provider = await startProvider();
const { identity, issuer, post } = provider;
const { authDeps, callAuth, clock } = identity;
const { database } = authDeps;
afterAll(() => provider.close());

const OLD: NewApp = {
  kind: 'mastodon',
  name: 'Old app',
  website: 'https://old.example/',
  redirectUris: [CALLBACK],
  scopes: ['read', 'write'],
  grantTypes: ['authorization_code', 'client_credentials'],
  authMethod: 'client_secret_post',
};

/** Registers an app, and has a person allow it. */
async function allowed(person: Person, wanted: Partial<NewApp> = {}) {
  const { app, secret = '' } = await registerApp(authDeps, {
    ...OLD,
    kind: 'open',
    grantTypes: ['authorization_code', 'refresh_token'],
    ...wanted,
  });
  const client = { client_id: app.id, client_secret: secret };
  const signIn = async () => {
    const { url, verifier } = await authorizationRequest(issuer, client, { scope: 'read' });
    const code = (await person.decide(url, 'allow')).searchParams.get('code') ?? '';
    const fields = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: verifier,
    };
    return (await post('/oauth/token', { ...fields, ...client })).body as Record<string, string>;
  };
  return { app, client, signIn, tokens: await signIn() };
}

const own = (person: Person) => ({ authorization: `Bearer ${person.token}` });
const isGood = async (person: Person) => (await callAuth('GET', '/auth/me', own(person))).status === 200;
const introspect = async (token = '', client: Record<string, string>) =>
  (await post('/oauth/introspect', { token, ...client })).body;

describe('registration', () => {
  test('keeps the hash of the secret alone', async () => {
    const { app, secret = '' } = await registerApp(authDeps, OLD);
    const stored = await findApp(database, app.id);
    expect(stored).toEqual({ ...app, createdAt: expect.any(Date) });
    expect(JSON.stringify(stored)).not.toContain(secret);
    expect(stored).toMatchObject({ kind: 'mastodon', name: 'Old app', allowed: false });
  });

  test.each<[string, Partial<NewApp>, string]>([
    ['a redirect URI elsewhere', { redirectUris: ['http://app.example/'] }, 'invalid_redirect_uri'],
    ['no redirect URI', { redirectUris: [] }, 'invalid_redirect_uri'],
    ['a name that turns text around', { name: '\u202etnuocca' }, 'invalid_client_metadata'],
    ['a name that ends what isolates it', { name: 'Site\u2069' }, 'invalid_client_metadata'],
    ['an unknown scope', { scopes: ['read', 'everything'] }, 'invalid_client_metadata'],
    ['no secret, and a token of its own', { authMethod: 'none' }, 'invalid_client_metadata'],
  ])('refuses %s', async (_, change, code) => {
    await expect(registerApp(authDeps, { ...OLD, ...change })).rejects.toMatchObject({ code });
  });

  test('apps that nobody allows within a day are deleted, others stay', async () => {
    const ada = await provider.person('sweeper');
    const used = (await allowed(ada)).app;
    const own = async (kind: NewApp['kind']) => {
      const { app, secret = '' } = await registerApp(authDeps, { ...OLD, kind });
      const client = { client_id: app.id, client_secret: secret, scope: 'read' };
      const { status } = await post('/oauth/token', { grant_type: 'client_credentials', ...client });
      expect(status).toBe(200);
      return app;
    };
    // Apps of Mastodon ask for a token of their own whenever they are registered.
    const [unused, client] = [await own('mastodon'), await own('open')];
    clock.aheadMs = 25 * 3_600_000;
    while (await sweepBatch(authDeps));
    clock.aheadMs = 0;
    const found = await Promise.all([unused, used, client].map(({ id }) => findApp(database, id)));
    expect(found.map((app) => app !== undefined)).toEqual([false, true, true]);
    for (const { id } of [unused, client])
      expect(await database.select().from(appTokens).where(eq(appTokens.appId, id))).toEqual([]);
  });
});

describe('what a person has allowed', () => {
  test('is listed, newest first, and not among their own sessions', async () => {
    const ada = await provider.person('lister');
    const [first, second] = [await allowed(ada), await allowed(ada, { name: 'Another' })];
    const { body } = await callAuth('GET', '/auth/apps?limit=1', own(ada));
    expect(body.items).toEqual([
      {
        id: second.app.id,
        name: 'Another',
        website: 'https://old.example/',
        scopes: ['read'],
        allowed_at: expect.any(String),
        last_used_at: expect.any(String),
      },
    ]);
    const rest = await callAuth('GET', `/auth/apps?limit=1&cursor=${body.next_cursor}`, own(ada));
    expect(rest.body).toMatchObject({ items: [{ id: first.app.id }], next_cursor: null });
    const { body: mine } = await callAuth('GET', '/auth/sessions', own(ada));
    expect(mine.items).toHaveLength(1);
    const [app] = await database.select().from(sessions).where(eq(sessions.appId, first.app.id));
    expect((await callAuth('DELETE', `/auth/sessions/${app?.id}`, own(ada))).status).toBe(404);
  });

  test('ends with its sessions, tokens and codes, and is asked for again', async () => {
    const ada = await provider.person('ender');
    const other = await provider.person('other');
    const { app, client, tokens } = await allowed(ada);
    const { url } = await authorizationRequest(issuer, client, { scope: 'read' });
    expect((await ada.open(url)).status).toBe(303);
    expect((await callAuth('DELETE', `/auth/apps/${app.id}`, own(other))).status).toBe(404);
    expect((await introspect(tokens.access_token, client)).active).toBe(true);
    expect((await callAuth('DELETE', `/auth/apps/${app.id}`, own(ada))).status).toBe(204);
    expect((await callAuth('DELETE', `/auth/apps/${app.id}`, own(ada))).status).toBe(404);
    expect(await introspect(tokens.access_token, client)).toEqual({ active: false });
    expect(await introspect(tokens.refresh_token, client)).toEqual({ active: false });
    const codes = await database
      .select()
      .from(authorizationCodes)
      .where(eq(authorizationCodes.appId, app.id));
    expect(codes).toEqual([]);
    expect((await ada.open(url)).status).toBe(200);
    expect(await isGood(ada)).toBe(true);
  });

  test.each(['no-app', '01900000-0000-7000-8000-000000000000'])('%s is no app', async (id) => {
    const { status, body } = await callAuth(
      'DELETE',
      `/auth/apps/${id}`,
      own(await provider.person(`nobody_${id.length}`)),
    );
    expect([status, body.code]).toEqual([404, 'auth.app-not-found']);
  });
});

test('an app ends its own oldest session beyond its hundredth, and never one of the person', async () => {
  const ada = await provider.person('limited');
  const { app, client, tokens, signIn } = await allowed(ada);
  const [template] = await database.select().from(sessions).where(eq(sessions.appId, app.id));
  if (template === undefined) throw new Error('The app has no session');
  await inTransaction(database, async (transaction) => {
    for (let count = 1; count < 100; count += 1)
      await insertSession(transaction, { ...template, id: uuidv7() });
  });
  await signIn();
  const open = await inTransaction(database, (transaction) =>
    listOpenSessionIds(transaction, template.userId, { appId: app.id }),
  );
  expect([open.length, open.includes(template.id)]).toEqual([100, false]);
  expect(await introspect(tokens.refresh_token, client)).toEqual({ active: false });
  expect(await isGood(ada)).toBe(true);
});

test('an app has a hundred tokens of its own at most: the oldest goes', async () => {
  const { app, secret = '' } = await registerApp(authDeps, OLD);
  const client = { client_id: app.id, client_secret: secret, scope: 'read' };
  const ask = async () =>
    (await post('/oauth/token', { grant_type: 'client_credentials', ...client })).body.access_token as string;
  const first = await ask();
  for (let count = 1; count < 100; count += 1)
    await insertAppToken(database, {
      hash: hashOf(`${app.id} ${count}`),
      id: uuidv7(),
      appId: app.id,
      sessionId: null,
      scopes: ['read'],
      createdAt: new Date(),
      expiresAt: null,
    });
  expect((await introspect(first, client)).active).toBe(true);
  expect((await introspect(await ask(), client)).active).toBe(true);
  expect(await introspect(first, client)).toEqual({ active: false });
  expect(await database.$count(appTokens, eq(appTokens.appId, app.id))).toBe(100);
});

test('is exported without secrets, and erased with the person', async () => {
  const ada = await provider.person('erased');
  const { app, client, tokens } = await allowed(ada, { kind: 'mastodon' });
  await ada.open((await authorizationRequest(issuer, client, { scope: 'read' })).url);
  const exported = recordsIn(await exportAll(authPortability(authDeps), ada.id));
  expect(exported.apps).toMatchObject([{ id: app.id, name: 'Old app', scopes: ['read'] }]);
  expect(exported.sessions).toContainEqual(expect.objectContaining({ app_id: app.id, scopes: ['read'] }));
  expect(JSON.stringify(exported)).not.toContain(tokens.access_token ?? '');
  await eraseUser(authDeps, { id: ada.id, version: 2 });
  const rows = await Promise.all([
    database.select().from(consents).where(eq(consents.userId, ada.id)),
    database.select().from(authorizationCodes).where(eq(authorizationCodes.userId, ada.id)),
    database.select().from(deviceCodes).where(eq(deviceCodes.userId, ada.id)),
    database.select().from(sessions).where(eq(sessions.userId, ada.id)),
    database.select().from(appTokens).where(eq(appTokens.appId, app.id)),
  ]);
  expect(rows).toEqual([[], [], [], [], []]);
  expect(await introspect(tokens.access_token, client)).toEqual({ active: false });
  expect(await database.select().from(apps).where(eq(apps.id, app.id))).toHaveLength(1);
});

test('an ended session without end is deleted in time, with its token', async () => {
  const ada = await provider.person('ended');
  const { app, client, tokens } = await allowed(ada, { kind: 'mastodon' });
  await post('/oauth/revoke', { token: tokens.access_token ?? '', ...client });
  clock.aheadMs = 8 * 86_400_000;
  while (await sweepBatch(authDeps));
  clock.aheadMs = 0;
  expect(await database.select().from(sessions).where(eq(sessions.appId, app.id))).toEqual([]);
  expect(await database.select().from(appTokens).where(eq(appTokens.appId, app.id))).toEqual([]);
});

test('with a shared secret there are no ID tokens, which apps could not verify', () => {
  const settings = { algorithm: 'HS256', issuer } as const;
  const metadata = serverMetadata(settings, { passwordGrant: false });
  expect(metadata.scopes_supported).not.toContain('openid');
  for (const claim of ['userinfo_endpoint', 'id_token_signing_alg_values_supported', 'claims_supported'])
    expect(metadata).not.toHaveProperty(claim);
  const app = { kind: 'open' as const, scopes: ['openid', 'read'] };
  expect(() => requestedScopes(settings, app, 'openid')).toThrow('invalid_scope');
  expect(requestedScopes(settings, app, 'read')).toEqual(['read']);
});
