import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { MailRequested } from '#contracts/events/mail';
import { parseEnvelope } from '#contracts/messages';
import { eventually } from '../../../tests/support/eventually';
import { startIdentity } from '../../../tests/support/identity';
import { type OpenedPage, type PageVisitor, pageVisitor } from '../../../tests/support/page-visitor';
import { browserSessions, credentials, outbox, sessions } from '../schema';
import { sweepBatch } from '../sweep';

const identity = await startIdentity({ passwords: 'cheap' });
const { authDeps, callAuth, callUsers, clock } = identity;
afterAll(() => identity.close());

const PASSWORD = 'a long password';
const NEW_PASSWORD = 'another long password';
const ACCOUNT = '/auth/account';

interface Member extends PageVisitor {
  readonly username: string;
  readonly email: string;
}

async function member(): Promise<Member> {
  const username = `m${crypto.randomUUID().replaceAll('-', '').slice(0, 20)}`;
  const email = `${username}@example.com`;
  const visitor = pageVisitor(identity.authApp);
  const typed = { username, email, password: PASSWORD };
  expect(wayOn(await visitor.submit('/auth/sign-up', '/auth/sign-up', typed))).toBe(ACCOUNT);
  return { ...visitor, username, email };
}

const signIn = (visitor: PageVisitor, name: string, password = PASSWORD, page = '/auth/sign-in') =>
  visitor.submit(page, '/auth/sign-in', { name, password });

/** Where a form leads. */
const wayOn = ({ status, headers }: OpenedPage) => (status === 303 ? headers.get('location') : status);
const isSignedIn = async (visitor: PageVisitor) => (await visitor.open(ACCOUNT)).status === 200;
const apiSignIn = (username: string, password: string) =>
  callAuth('POST', '/auth/login', { body: { username, password } });
const idOf = async (username: string) => String(Object((await apiSignIn(username, PASSWORD)).body.user).id);

/** The path of the newest link in the mails to somebody. */
const mailedPath = (userId: string) =>
  eventually(async () => {
    const rows = await authDeps.database.select().from(outbox).where(eq(outbox.aggregateId, userId));
    const mail = rows.findLast(({ name }) => name === MailRequested.name);
    const { content } = parseEnvelope([MailRequested], Buffer.from(mail?.payload ?? '')).data;
    if (content.template !== 'password-reset') throw new Error('Not a password reset mail');
    return content.values.link.slice('https://rookery.example'.length);
  });

describe('signing up', () => {
  test('says beside each field what is wrong, and keeps what was typed but the password', async () => {
    const { username: taken } = await member();
    const visitor = pageVisitor(identity.authApp);
    const typed = { username: taken, email: 'nobody', password: 'short-pw' };
    const invalid = await visitor.submit('/auth/sign-up', '/auth/sign-up', typed);
    expect(invalid.status).toBe(422);
    expect(invalid.text).toMatch(/aria-invalid="true" aria-describedby="email-error"[^>]* value="nobody"/);
    expect(invalid.text).toContain('id="email-error">An email address</p>');
    expect(invalid.text).not.toContain('short-pw');
    const free = { email: `free-${taken}@example.com`, password: PASSWORD };
    const again = await visitor.submit('/auth/sign-up', '/auth/sign-up', { ...typed, ...free });
    expect([again.status, again.text]).toEqual([409, expect.stringContaining('This username is taken.')]);
  });
});

describe('signing in', () => {
  test('works by name and by address, and a wrong password is told like a wrong name', async () => {
    const { username, email } = await member();
    const visitor = pageVisitor(identity.authApp);
    const wrong = await signIn(visitor, username, 'wrong password');
    const unknown = await signIn(visitor, 'nobody_of_this_name', 'wrong password');
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    const withoutName = ({ text }: OpenedPage, name: string) => text.replaceAll(name, '');
    expect(withoutName(wrong, username)).toBe(withoutName(unknown, 'nobody_of_this_name'));
    expect(wrong.text).not.toContain('wrong password');
    expect(wayOn(await signIn(visitor, ` ${email} `))).toBe(ACCOUNT);
    expect(wayOn(await visitor.open('/auth/sign-in?next=/docs'))).toBe('/docs');
    expect(wayOn(await signIn(pageVisitor(identity.authApp), username))).toBe(ACCOUNT);
  });

  test('names the browser anew, and the device as the API does', async () => {
    const { username } = await member();
    const visitor = pageVisitor(identity.authApp);
    await visitor.open('/auth/sign-in');
    const before = visitor.cookies('/');
    await signIn(visitor, username);
    expect(visitor.cookies('/')).not.toBe(before);
    expect(visitor.cookies('/auth')).toMatch(/device=[\w.~-]+/);
    expect(visitor.cookies('/auth')).not.toContain('refresh_token');
  });

  test('is slowed down as at the API', async () => {
    const { username } = await member();
    const visitor = pageVisitor(identity.authApp);
    let answer = await signIn(visitor, username, 'wrong');
    for (let tries = 0; tries < 20 && answer.status === 401; tries++)
      answer = await signIn(visitor, username, 'wrong');
    expect([answer.status, answer.text]).toEqual([
      429,
      expect.stringContaining('Too many attempts. Try again in'),
    ]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('goes on to a page of ours alone, and to an app through a page between', async () => {
    const { username } = await member();
    const signInFor = (next: string) =>
      signIn(
        pageVisitor(identity.authApp),
        username,
        PASSWORD,
        `/auth/sign-in?${new URLSearchParams({ next })}`,
      );
    expect(wayOn(await signInFor('/auth/account/sessions'))).toBe('/auth/account/sessions');
    for (const next of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)'])
      expect(wayOn(await signInFor(next))).toBe(ACCOUNT);
    const between = await signInFor('/oauth/authorize?client_id=a&state=b');
    expect(between.status).toBe(200);
    expect(between.text).toContain('content="0;url=/oauth/authorize?client_id=a&amp;state=b"');
  });

  test('comes back to the page that needs it', async () => {
    const visitor = pageVisitor(identity.authApp);
    expect(wayOn(await visitor.open('/auth/account/password'))).toBe(
      '/auth/sign-in?next=%2Fauth%2Faccount%2Fpassword',
    );
  });
});

describe('a browser is signed out', () => {
  test('by its button, which ends the session', async () => {
    const person = await member();
    expect(wayOn(await person.submit(ACCOUNT, '/auth/sign-out'))).toBe('/auth/sign-out');
    expect(await isSignedIn(person)).toBe(false);
    expect((await person.open('/auth/sign-out')).text).toContain('You are signed out');
  });

  test('when its session ends elsewhere, expires, or the account is deactivated', async () => {
    const person = await member();
    const { body } = await apiSignIn(person.username, PASSWORD);
    const authorization = `Bearer ${body.access_token}`;
    const own = await callAuth('GET', '/auth/sessions', { authorization });
    const others = (own.body.items as { id: string; current: boolean }[]).filter(({ current }) => !current);
    expect(others).toHaveLength(1);
    await callAuth('DELETE', `/auth/sessions/${others[0]?.id}`, { authorization });
    expect(await isSignedIn(person)).toBe(false);

    await signIn(person, person.username);
    expect(await isSignedIn(person)).toBe(true);
    clock.aheadMs += 8 * 24 * 60 * 60_000;
    expect(await isSignedIn(person)).toBe(false);
    clock.aheadMs = 0;

    expect(await isSignedIn(person)).toBe(true);
    await authDeps.database
      .update(credentials)
      .set({ active: false })
      .where(eq(credentials.userId, await idOf(person.username)));
    expect(await isSignedIn(person)).toBe(false);
  });

  test('and stays signed in while it is used', async () => {
    const person = await member();
    for (let day = 1; day <= 4; day++) {
      clock.aheadMs = day * 6 * 24 * 60 * 60_000;
      expect(await isSignedIn(person)).toBe(true);
    }
    clock.aheadMs = 31 * 24 * 60 * 60_000;
    expect(await isSignedIn(person)).toBe(false);
    clock.aheadMs = 0;
  });

  test('and nothing of it is kept when its session is deleted', async () => {
    const person = await member();
    const userId = await idOf(person.username);
    const rows = () =>
      authDeps.database
        .select({ hash: browserSessions.hash })
        .from(browserSessions)
        .innerJoin(sessions, eq(sessions.id, browserSessions.sessionId))
        .where(eq(sessions.userId, userId));
    expect(await rows()).toHaveLength(1);
    const all = (await authDeps.database.select().from(browserSessions)).length;
    await sweepBatch({ database: authDeps.database, now: () => Date.now() + 40 * 24 * 60 * 60_000 });
    expect(await rows()).toEqual([]);
    expect((await authDeps.database.select().from(browserSessions)).length).toBeLessThan(all);
  });
});

describe('the sessions page', () => {
  test('ends a session, and all others, but nobody else’s', async () => {
    const [person, stranger] = [await member(), await member()];
    const second = pageVisitor(identity.authApp);
    await signIn(second, person.username);
    const fields = await (await second.open('/auth/account/sessions')).fieldsOf('/auth/account/sessions');
    const path = '/auth/account/sessions';
    const own = await (await stranger.open('/auth/sign-out')).fieldsOf('/auth/sign-out');
    expect(wayOn(await stranger.send(path, { ...own, session_id: fields.session_id ?? '' }))).toBe(path);
    expect(await isSignedIn(person)).toBe(true);
    expect(wayOn(await second.send(path, fields))).toBe(path);
    expect([await isSignedIn(person), await isSignedIn(second)]).toEqual([false, true]);

    await signIn(person, person.username);
    const { form_token = '' } = fields;
    expect(wayOn(await second.send(path, { form_token }))).toBe(path);
    expect([await isSignedIn(person), await isSignedIn(second)]).toEqual([false, true]);
  });
});

describe('changing the password', () => {
  test('needs the current one, ends all other sessions, and names this browser anew', async () => {
    const person = await member();
    const second = pageVisitor(identity.authApp);
    await signIn(second, person.username);
    const path = '/auth/account/password';
    const wrong = await person.submit(path, path, { current_password: 'wrong', new_password: NEW_PASSWORD });
    expect([wrong.status, wrong.text]).toEqual([403, expect.stringContaining('This is not your password.')]);
    const before = person.cookies('/');
    const typed = { current_password: PASSWORD, new_password: NEW_PASSWORD };
    expect((await person.submit(path, path, typed)).status).toBe(200);
    expect(person.cookies('/')).not.toBe(before);
    expect([await isSignedIn(person), await isSignedIn(second)]).toEqual([true, false]);
    expect((await apiSignIn(person.username, NEW_PASSWORD)).status).toBe(200);
  });
});

describe('a forgotten password', () => {
  test('is reset by the mailed link, which opening does not use up', async () => {
    const person = await member();
    const userId = await idOf(person.username);
    const visitor = pageVisitor(identity.authApp);
    const forgot = '/auth/forgot-password';
    const known = await visitor.submit(forgot, forgot, { email: person.email });
    const unknown = await visitor.submit(forgot, forgot, { email: 'nobody@example.com' });
    expect([known.status, known.text]).toEqual([200, unknown.text]);
    const link = await mailedPath(userId);
    expect(link).toStartWith('/auth/reset-password?token=');
    for (let scans = 0; scans < 3; scans++) expect((await visitor.open(link)).status).toBe(200);
    const weak = await visitor.submit(link, '/auth/reset-password', { new_password: 'password' });
    expect([weak.status, weak.text]).toEqual([422, expect.stringContaining('id="new_password-error"')]);
    const done = await visitor.submit(link, '/auth/reset-password', { new_password: NEW_PASSWORD });
    expect([done.status, done.text]).toEqual([200, expect.stringContaining('Your password is changed')]);
    expect(await isSignedIn(person)).toBe(false);
    expect(wayOn(await signIn(visitor, person.username, NEW_PASSWORD))).toBe(ACCOUNT);
    expect((await visitor.open(link)).status).toBe(410);
  });
});

describe('deleting the account', () => {
  const path = '/auth/account/delete';

  test('needs the name, and after a recent sign-in no password', async () => {
    const person = await member();
    const wrong = await person.submit(path, path, { username: 'somebody_else' });
    expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('This is not your username.')]);
    const deleted = await person.submit(path, path, { username: person.username.toUpperCase() });
    expect([deleted.status, deleted.text]).toEqual([200, expect.stringContaining('Your account is deleted')]);
    expect((await callUsers('GET', `/users/${person.username}`)).status).toBe(404);
    expect(await isSignedIn(person)).toBe(false);
  });

  test('needs the password after an older one', async () => {
    const person = await member();
    const { username } = person;
    const userId = await idOf(username);
    const createdAt = new Date(Date.now() - 6 * 60_000);
    await authDeps.database.update(sessions).set({ createdAt }).where(eq(sessions.userId, userId));
    const asked = await person.open(path);
    expect(Object.keys(await asked.fieldsOf(path))).toContain('current_password');
    const without = await person.submit(path, path, { username });
    expect([without.status, without.text]).toEqual([
      422,
      expect.stringContaining('id="current_password-error"'),
    ]);
    const wrong = await person.submit(path, path, { username, current_password: 'wrong' });
    expect([wrong.status, wrong.text]).toEqual([403, expect.stringContaining('This is not your password.')]);
    expect((await person.submit(path, path, { username, current_password: PASSWORD })).status).toBe(200);
    expect((await callUsers('GET', `/users/${username}`)).status).toBe(404);
  });
});
