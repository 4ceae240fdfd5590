import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { AuthEmailSet } from '#contracts/events/auth';
import { MailRequested } from '#contracts/events/mail';
import { parseEnvelope } from '#contracts/messages';
import { uuidv7 } from '#kit/core/ids';
import { outbox } from '#kit/messaging/tables';
import { eventually } from '../../../tests/support/eventually';
import { startForeignIssuer } from '../../../tests/support/foreign-issuer';
import { goThrough, leaveFor, signInThere } from '../../../tests/support/foreign-sign-in';
import { startIdentity } from '../../../tests/support/identity';
import { type PageVisitor, pageVisitor } from '../../../tests/support/page-visitor';
import { exportAll, recordsIn } from '../../../tests/support/portability';
import { codeOf, peopleWithFactors } from '../../../tests/support/second-factors';
import { emailVerifications, outbox as usersOutbox } from '../../users/schema';
import { eraseUser } from '../credentials/replication';
import { authPortability } from '../portability';
import { credentials, foreignSignIns, identities, passkeys, sessions } from '../schema';
import { sweepBatch } from '../sweep';
import { FOREIGN_SIGN_IN_MS } from './flow';

const PASSWORD = 'a long password';
/** Trusted for verified addresses; the other one is not. */
const acme = await startForeignIssuer();
const other = await startForeignIssuer();
const identity = await startIdentity({
  passwords: 'cheap',
  providers: [acme.settings('acme'), other.settings('other', { trustsEmail: false })],
});
const { authDeps, callAuth, clock } = identity;
const { database } = authDeps;
const people = peopleWithFactors(identity);

afterAll(async () => {
  await identity.close();
  await Promise.all([acme.close(), other.close()]);
});

let count = 0;
const newName = () => `person_${++count}`;
const visitor = () => pageVisitor(identity.authApp);

/** Somebody signs in at the providers from now on. */
function somebody(claims: Record<string, unknown> = {}) {
  const name = newName();
  const person = {
    sub: `subject-of-${name}`,
    email: `${name}@example.com`,
    email_verified: true,
    preferred_username: name,
    ...claims,
  };
  acme.state.person = person;
  other.state.person = person;
  return { name, subject: person.sub, email: `${name}@example.com` };
}

beforeEach(() => {
  acme.state.misbehaviour = {};
  other.state.misbehaviour = {};
  clock.aheadMs = 0;
});

/** Registers with a password. */
async function member(name = newName()) {
  const person = visitor();
  const typed = { username: name, email: `${name}@example.com`, password: PASSWORD };
  const joined = await person.submit('/auth/sign-up', '/auth/sign-up', typed);
  expect(joined.status).toBe(303);
  return { ...person, name, id: await idOf(name), authorization: await authorizationOf(name) };
}

async function authorizationOf(username: string) {
  const { body } = await callAuth('POST', '/auth/login', { body: { username, password: PASSWORD } });
  return `Bearer ${body.access_token}`;
}

/** Registers with an account at a provider. */
async function foreigner(provider = 'acme') {
  const account = somebody();
  const person = visitor();
  const callback = await goThrough(person, provider);
  expect(callback.headers.get('location')).toBe(`/auth/providers/${provider}/account`);
  const joined = await person.submit(
    `/auth/providers/${provider}/account`,
    `/auth/providers/${provider}/register`,
  );
  expect([joined.status, joined.headers.get('location')]).toEqual([303, '/auth/account']);
  return { ...person, ...account, id: await idOf(account.name) };
}

async function idOf(username: string): Promise<string> {
  const [row] = await database.select().from(credentials).where(eq(credentials.username, username));
  return row?.userId ?? '';
}

const linksOf = (userId: string) => database.select().from(identities).where(eq(identities.userId, userId));

const whoIs = async (person: PageVisitor) =>
  /<dt>Username<\/dt><dd>(\w+)<\/dd>/.exec((await person.open('/auth/account')).text)?.[1];

/** The mails of users that verify an address. */
const verificationsOf = (userId: string) =>
  identity.usersDeps.database.$count(emailVerifications, eq(emailVerifications.userId, userId));

async function addPasskey(userId: string): Promise<string> {
  const id = uuidv7();
  await database.insert(passkeys).values({
    id,
    userId,
    credentialHash: userId.replaceAll('-', '').padEnd(64, '0'),
    credentialId: 'an-id',
    publicKey: 'a-key',
    counter: 0,
    transports: [],
    backedUp: false,
    name: 'A key',
    createdAt: new Date(),
  });
  return id;
}

const mailsAbout = async (userId: string) => {
  const rows = await database.select().from(outbox).where(eq(outbox.aggregateId, userId));
  return rows
    .filter(({ name }) => name === MailRequested.name)
    .map(({ payload }) => parseEnvelope([MailRequested], Buffer.from(payload)).data);
};

describe('an account at another provider that nobody has linked', () => {
  test('creates an account without a password, whose verified address needs no verification', async () => {
    const person = await foreigner();
    expect(await whoIs(person)).toBe(person.name);
    const [row] = await database.select().from(credentials).where(eq(credentials.userId, person.id));
    expect([row?.passwordHash, row?.email]).toEqual([null, person.email]);
    expect(await linksOf(person.id)).toMatchObject([
      { provider: 'acme', subject: person.subject, label: person.email },
    ]);
    const events = await identity.usersDeps.database
      .select()
      .from(usersOutbox)
      .where(eq(usersOutbox.aggregateId, person.id));
    expect(events.map(({ name }) => name).sort()).toEqual([AuthEmailSet.name, 'user.created']);
    const [session] = await database.select().from(sessions).where(eq(sessions.userId, person.id));
    expect(session?.methods).toEqual(['fed']);
    expect(await verificationsOf(person.id)).toBe(0);
  });

  test('takes the name and the address that its owner chooses, and verifies an address of no provider', async () => {
    somebody();
    const person = visitor();
    await goThrough(person, 'acme');
    const name = newName();
    const email = `${name}@elsewhere.example`;
    const page = await person.open('/auth/providers/acme/account');
    expect(page.text).toContain('Create an account');
    const joined = await person.submit('/auth/providers/acme/account', '/auth/providers/acme/register', {
      username: name,
      email,
    });
    expect(joined.status).toBe(303);
    expect(await whoIs(person)).toBe(name);
    expect(await verificationsOf(await idOf(name))).toBe(1);
  });

  test('of a provider that is not trusted for addresses gets a verification mail as everybody does', async () => {
    const person = await foreigner('other');
    expect(await verificationsOf(person.id)).toBe(1);
  });

  test('with an address that the provider has not verified gets one as well', async () => {
    const { name } = somebody({ email_verified: false });
    const person = visitor();
    await goThrough(person, 'acme');
    await person.submit('/auth/providers/acme/account', '/auth/providers/acme/register');
    expect(await verificationsOf(await idOf(name))).toBe(1);
  });

  test('is held to the rules of registration, and the form says what is wrong', async () => {
    const taken = await member();
    somebody();
    const person = visitor();
    await goThrough(person, 'acme');
    for (const [typed, message] of [
      [{ username: taken.name }, 'This username is taken.'],
      [{ username: 'x' }, '3 to 30 letters, digits or underscores'],
      [{ username: 'admin' }, 'This username is not available.'],
      [{ email: `${taken.name}@example.com` }, 'This address belongs to another account.'],
      [{ email: 'no address' }, 'An email address'],
    ] as const) {
      const page = '/auth/providers/acme/account';
      const refused = await person.submit(page, '/auth/providers/acme/register', typed);
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect(refused.text).toContain(message);
    }
    const joined = await person.submit('/auth/providers/acme/account', '/auth/providers/acme/register');
    expect(joined.status).toBe(303);
  });

  test('signs its owner in from then on, as nobody else', async () => {
    const person = await foreigner();
    const again = visitor();
    const callback = await goThrough(again, 'acme', { from: '/auth/sign-in?next=/auth/account/sessions' });
    expect([callback.status, callback.headers.get('location')]).toEqual([303, '/auth/account/sessions']);
    expect(await whoIs(again)).toBe(person.name);
    const [link] = await linksOf(person.id);
    expect(link?.lastUsedAt).not.toBeNull();
  });

  test('does not stand in for a second factor here, whatever factors were shown there', async () => {
    const owner = await people.joinWithApp();
    const account = somebody({ amr: ['pwd', 'otp', 'mfa'] });
    const link = { provider: 'acme', subject: account.subject, label: null, lastUsedAt: null };
    await database.insert(identities).values({ ...link, userId: owner.id, linkedAt: new Date() });
    const person = visitor();
    const callback = await goThrough(person, 'acme', { from: '/auth/sign-in?next=/auth/account/sessions' });
    const asked = '/auth/sign-in/second-factor?next=%2Fauth%2Faccount%2Fsessions';
    expect([callback.status, callback.headers.get('location')]).toEqual([303, asked]);
    expect(await whoIs(person)).toBeUndefined();
    const code = codeOf(owner.secret);
    const entered = await person.submit(asked, '/auth/sign-in/second-factor', { code });
    expect(entered.headers.get('location')).toBe('/auth/account/sessions');
    expect(await whoIs(person)).toBe(owner.username);
    const rows = await database.select().from(sessions).where(eq(sessions.userId, owner.id));
    expect(rows.map(({ methods }) => methods)).toContainEqual(['fed', 'otp', 'mfa']);
  });

  test('confirms deleting the account with a recent sign-in, having no password', async () => {
    const person = await foreigner();
    clock.aheadMs = 6 * 60_000;
    const page = '/auth/account/delete';
    const again = `/auth/sign-in?${new URLSearchParams({ next: page, again: '1' })}`;
    expect((await person.open(page)).headers.get('location')).toBe(again);
    await goThrough(person, 'acme', { from: again });
    const opened = await person.open(page);
    expect([opened.status, opened.text.includes('current_password')]).toEqual([200, false]);
  });

  test('creates no account while registration is closed', async () => {
    const { flags } = identity.usersDeps;
    const { name } = somebody();
    const person = visitor();
    await goThrough(person, 'acme');
    const register = () => person.submit('/auth/providers/acme/account', '/auth/providers/acme/register');
    flags.replace({ features: { 'registration-open': { defaultValue: false } } });
    const refused = await register();
    flags.replace({ features: { 'registration-open': { defaultValue: true } } });
    expect([refused.status, await idOf(name)]).toEqual([403, '']);
    expect(refused.text).toContain('New accounts cannot be created at the moment');
    expect((await register()).status).toBe(303);
  });

  test('has no password until its owner sets one with a link by mail', async () => {
    const person = await foreigner();
    const login = (password: string) =>
      callAuth('POST', '/auth/login', { body: { username: person.name, password } });
    expect((await login('')).status).toBe(422);
    expect((await login(PASSWORD)).body.code).toBe('auth.wrong-credentials');
    expect((await person.open('/auth/account/password')).text).toContain('Your account has no password');
    await callAuth('POST', '/auth/password/forgot', { body: { email: person.email } });
    await eventually(async () => (await mailsAbout(person.id)).length > 0);
    const [mail] = await mailsAbout(person.id);
    const link = mail?.content.template === 'password-reset' ? mail.content.values.link : '';
    const reset = { token: link.split('=')[1], new_password: PASSWORD };
    expect((await callAuth('POST', '/auth/password/reset', { body: reset })).status).toBe(204);
    expect((await login(PASSWORD)).status).toBe(200);
    const again = visitor();
    await goThrough(again, 'acme');
    expect((await again.submit('/auth/account', '/auth/providers/acme/unlink')).status).toBe(303);
  });

  test('creates one account however often its form is sent at once', async () => {
    somebody();
    const person = visitor();
    await goThrough(person, 'acme');
    const page = await person.open('/auth/providers/acme/account');
    const fields = await page.fieldsOf('/auth/providers/acme/register');
    const names = Array.from({ length: 4 }, newName);
    const answers = await Promise.all(
      names.map((username) =>
        person.send('/auth/providers/acme/register', {
          ...fields,
          username,
          email: `${username}@example.com`,
        }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 403, 403, 403]);
    const ids = await Promise.all(names.map(idOf));
    expect(ids.filter((id) => id !== '')).toHaveLength(1);
  });
});

describe('the address of an account here', () => {
  test('links nothing by itself: its owner signs in first, and confirms', async () => {
    const owner = await member();
    somebody({ email: `${owner.name}@example.com` });
    const browser = visitor();
    const callback = await goThrough(browser, 'acme');
    expect(await whoIs(browser)).toBeUndefined();
    const page = await browser.open(callback.headers.get('location') ?? '');
    expect(page.text).toContain('There is an account here with the address');
    expect(await linksOf(owner.id)).toEqual([]);

    const next = '/auth/providers/acme/account';
    const signedIn = await browser.submit(`/auth/sign-in?next=${next}`, '/auth/sign-in', {
      name: owner.name,
      password: PASSWORD,
    });
    expect(signedIn.headers.get('location')).toBe(next);
    const linked = await browser.submit(next, '/auth/providers/acme/link');
    expect([linked.status, await linksOf(owner.id)]).toMatchObject([303, [{ provider: 'acme' }]]);
  });

  test('is not told where the provider has not verified it, or is not trusted for it', async () => {
    const owner = await member();
    const email = `${owner.name}@example.com`;
    for (const [provider, claims] of [
      ['other', { email, email_verified: true }],
      ['acme', { email, email_verified: false }],
      ['acme', { email }],
    ] as const) {
      somebody({ email_verified: undefined, ...claims });
      const browser = visitor();
      await goThrough(browser, provider);
      const page = await browser.open(`/auth/providers/${provider}/account`);
      expect(page.text).toContain('No account here is linked');
      const joined = await browser.submit(
        `/auth/providers/${provider}/account`,
        `/auth/providers/${provider}/register`,
      );
      expect([joined.status, await linksOf(owner.id)]).toEqual([409, []]);
    }
  });
});

describe('linking', () => {
  test('adds a way to sign in, and its owner is told', async () => {
    const person = await member();
    somebody();
    const callback = await goThrough(person, 'acme', { from: '/auth/account' });
    expect([callback.status, callback.headers.get('location')]).toEqual([303, '/auth/account']);
    const browser = visitor();
    await goThrough(browser, 'acme');
    expect(await whoIs(browser)).toBe(person.name);
    expect((await person.open('/auth/account')).text).toContain('Remove the link to ACME');
    expect(await mailsAbout(person.id)).toMatchObject([
      {
        to: { user_id: person.id },
        content: { template: 'identities-changed', values: { change: 'linked', provider: 'ACME' } },
      },
    ]);
  });

  test('needs a recent sign-in, and the same person at the end as at the beginning', async () => {
    const person = await member();
    clock.aheadMs = 6 * 60_000;
    const refused = await person.submit('/auth/account', '/auth/providers/acme');
    expect(refused.headers.get('location')).toStartWith('/auth/sign-in?next=%2Fauth%2Faccount&again=1');
    clock.aheadMs = 0;
    const other = await member();
    somebody();
    const url = await leaveFor(other, 'acme', { from: '/auth/account' });
    await other.submit('/auth/sign-out', '/auth/sign-out');
    const callback = await other.open(await signInThere(url));
    expect([callback.status, await linksOf(other.id)]).toEqual([403, []]);
  });

  test('gives an account at a provider to one person, whoever comes at the same time', async () => {
    somebody();
    const people = [await member(), await member(), await member()];
    const callbacks: string[] = [];
    for (const person of people)
      callbacks.push(await signInThere(await leaveFor(person, 'acme', { from: '/auth/account' })));
    const answers = await Promise.all(people.map((person, index) => person.open(callbacks[index] ?? '')));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 409, 409]);
    const links = await Promise.all(people.map(({ id }) => linksOf(id)));
    expect(links.flat()).toHaveLength(1);
  });

  test('takes one account of a provider', async () => {
    const person = await foreigner();
    somebody();
    const callback = await goThrough(person, 'other', { from: '/auth/account' });
    expect(callback.status).toBe(303);
    const page = await person.open('/auth/account');
    const { form_token = '' } = await page.fieldsOf('/auth/providers/acme/unlink');
    const begun = await person.send('/auth/providers/acme', { form_token, purpose: 'link' });
    const [away = ''] = /http:\/\/127[^"]+/.exec(begun.text) ?? [];
    const second = await person.open(await signInThere(away.replaceAll('&amp;', '&')));
    expect(second.status).toBe(409);
    expect(await linksOf(person.id)).toHaveLength(2);
  });
});

describe('the list of linked accounts', () => {
  test('is its owner’s own, and says how each is called', async () => {
    const person = await member();
    const account = somebody();
    await goThrough(person, 'acme', { from: '/auth/account' });
    const { authorization } = person;
    const answer = await callAuth('GET', '/auth/identities', { authorization });
    expect(answer.body).toEqual({
      items: [
        {
          provider: 'acme',
          provider_name: 'ACME',
          account: account.email,
          linked_at: expect.any(String),
          last_used_at: null,
        },
      ],
      next_cursor: null,
    });
    const stranger = await member();
    const theirs = await callAuth('GET', '/auth/identities', { authorization: stranger.authorization });
    expect(theirs.body.items).toEqual([]);
    const removal = { authorization: stranger.authorization };
    expect((await callAuth('DELETE', '/auth/identities/acme', removal)).body.code).toBe(
      'auth.identity-not-found',
    );
    expect((await callAuth('GET', '/auth/identities')).status).toBe(401);
  });
});

describe('unlinking', () => {
  test('removes the way to sign in, its owner is told, and somebody else may link the account', async () => {
    const person = await member();
    somebody();
    await goThrough(person, 'acme', { from: '/auth/account' });
    const removed = await person.submit('/auth/account', '/auth/providers/acme/unlink');
    expect([removed.status, await linksOf(person.id)]).toEqual([303, []]);
    expect((await mailsAbout(person.id)).at(-1)).toMatchObject({
      content: { values: { change: 'unlinked', provider: 'ACME' } },
    });
    const browser = visitor();
    expect((await goThrough(browser, 'acme')).headers.get('location')).toBe('/auth/providers/acme/account');
    const heir = await member();
    expect((await goThrough(heir, 'acme', { from: '/auth/account' })).status).toBe(303);
    expect(await linksOf(heir.id)).toHaveLength(1);
  });

  test('by API needs a recent sign-in', async () => {
    const person = await member();
    somebody();
    await goThrough(person, 'acme', { from: '/auth/account' });
    const remove = (authorization: string) => callAuth('DELETE', '/auth/identities/acme', { authorization });
    clock.aheadMs = -6 * 60_000;
    const old = await authorizationOf(person.name);
    clock.aheadMs = 0;
    expect((await remove(old)).body.code).toBe('auth.sign-in-again');
    expect((await remove(person.authorization)).status).toBe(204);
    expect(await linksOf(person.id)).toEqual([]);
  });

  test('never takes the last way to sign in', async () => {
    const person = await foreigner();
    const refused = await person.submit('/auth/account', '/auth/providers/acme/unlink');
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('Set a password first');
    // Another identity is another way, unless its provider is not configured any more.
    const forgotten = { provider: 'closed', subject: 'a', userId: person.id, label: null, lastUsedAt: null };
    await database.insert(identities).values({ ...forgotten, linkedAt: new Date() });
    expect((await person.submit('/auth/account', '/auth/providers/acme/unlink')).status).toBe(409);
    await goThrough(person, 'other', { from: '/auth/account' });
    expect((await person.submit('/auth/account', '/auth/providers/acme/unlink')).status).toBe(303);
    expect((await person.submit('/auth/account', '/auth/providers/other/unlink')).status).toBe(409);
    // So is a passkey; and an account is one besides the last passkey.
    const key = await addPasskey(person.id);
    const remove = () =>
      person.submit('/auth/account/passkeys', '/auth/account/passkeys/remove', { id: key });
    expect((await person.submit('/auth/account', '/auth/providers/other/unlink')).status).toBe(303);
    expect((await remove()).status).toBe(409);
    await goThrough(person, 'other', { from: '/auth/account' });
    expect((await remove()).status).toBe(303);
  });

  test('both of two accounts at once leaves one', async () => {
    const person = await foreigner();
    await goThrough(person, 'other', { from: '/auth/account' });
    const page = await person.open('/auth/account');
    const { form_token = '' } = await page.fieldsOf('/auth/providers/acme/unlink');
    const answers = await Promise.all(
      ['acme', 'other'].map((name) => person.send(`/auth/providers/${name}/unlink`, { form_token })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 409]);
    expect(await linksOf(person.id)).toHaveLength(1);
  });
});

describe('what is kept', () => {
  test('is exported to its owner', async () => {
    const person = await foreigner();
    const records = recordsIn(await exportAll(authPortability(authDeps), person.id));
    expect(records.identities).toMatchObject([{ provider: 'acme', subject: person.subject }]);
  });

  test('is erased with the person, whose account at the provider starts anew', async () => {
    const person = await foreigner();
    await leaveFor(person, 'other', { from: '/auth/account' });
    const waiting = () => database.$count(foreignSignIns, eq(foreignSignIns.userId, person.id));
    expect(await waiting()).toBe(1);
    await eraseUser(authDeps, { id: person.id, version: 9 });
    expect([await linksOf(person.id), await waiting()]).toEqual([[], 0]);
    const callback = await goThrough(visitor(), 'acme');
    expect(callback.headers.get('location')).toBe('/auth/providers/acme/account');
  });

  test('for a sign-in is deleted when it has expired, and holds no secret in the clear', async () => {
    const person = visitor();
    const url = new URL(await leaveFor(person, 'acme'));
    const rows = await database.select().from(foreignSignIns);
    expect(JSON.stringify(rows)).not.toContain(url.searchParams.get('nonce') ?? '');
    expect(JSON.stringify(rows)).not.toContain(url.searchParams.get('state') ?? '');
    clock.aheadMs = FOREIGN_SIGN_IN_MS + 1_000;
    await sweepBatch(authDeps);
    expect(await database.$count(foreignSignIns)).toBe(0);
  });
});
