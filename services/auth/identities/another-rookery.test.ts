import { afterAll, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { leaveFor } from '../../../tests/support/foreign-sign-in';
import { startProvider } from '../../../tests/support/oauth-provider';
import { pageVisitor } from '../../../tests/support/page-visitor';
import { emailVerifications, users } from '../../users/schema';
import { credentials, identities } from '../schema';

/** Two Rookeries, each on a database and a port of its own: one is the other's provider. */
const NAME = 'rookery';
const CALLBACK = `https://rookery.example/auth/providers/${NAME}/callback`;
const provider = await startProvider();
const app = await provider.register({ client_name: 'Our Rookery', redirect_uris: [CALLBACK] });
const home = await startProvider({
  providers: [
    {
      name: NAME,
      label: 'Their Rookery',
      issuer: provider.issuer,
      clientId: app.client_id,
      clientSecret: app.client_secret,
      scopes: 'openid profile email',
      trustsEmail: true,
      allowedRanges: ['127.0.0.1'],
    },
  ],
});
const { database } = home.identity.authDeps;
afterAll(() => Promise.all([home.close(), provider.close()]));

const visitor = () =>
  pageVisitor({
    async handle(request) {
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = method === 'POST' ? await request.text() : undefined;
      return fetch(`${home.issuer}${pathname}${search}`, {
        method,
        headers,
        redirect: 'manual',
        ...(body !== undefined && { body }),
      });
    },
  });
type Visitor = ReturnType<typeof visitor>;
type Person = Awaited<ReturnType<typeof provider.person>>;

/** Somebody goes to their Rookery, allows ours to know who they are, and comes back. */
async function goThrough(person: Visitor, there: Person, from = '/auth/sign-in') {
  const { pathname, search } = await there.decide(await leaveFor(person, NAME, { from }), 'allow');
  return person.open(`${pathname}${search}`);
}

const register = (person: Visitor, typed: Record<string, string> = {}) =>
  person.submit(`/auth/providers/${NAME}/account`, `/auth/providers/${NAME}/register`, typed);

async function idOf(username: string): Promise<string> {
  const [row] = await database.select().from(credentials).where(eq(credentials.username, username));
  return row?.userId ?? '';
}
const linksOf = (userId: string) => database.select().from(identities).where(eq(identities.userId, userId));
const isSignedInAs = async (person: Visitor, username: string) =>
  (await person.open('/auth/account')).text.includes(`<dd>${username}</dd>`);

const verifyThere = ({ id }: Person) =>
  provider.identity.usersDeps.database
    .update(users)
    .set({ emailVerifiedAt: new Date() })
    .where(eq(users.id, id));
const verificationsOf = (userId: string) =>
  home.identity.usersDeps.database.$count(emailVerifications, eq(emailVerifications.userId, userId));

test('another Rookery signs somebody up, and in again', async () => {
  const there = await provider.person('ada');
  await verifyThere(there);
  const person = visitor();
  const callback = await goThrough(person, there);
  expect([callback.status, callback.headers.get('location')]).toEqual([
    303,
    `/auth/providers/${NAME}/account`,
  ]);
  expect((await register(person)).headers.get('location')).toBe('/auth/account');
  expect(await isSignedInAs(person, 'ada')).toBe(true);
  const id = await idOf('ada');
  expect(await linksOf(id)).toMatchObject([{ provider: NAME, subject: there.id, label: 'ada@example.com' }]);
  expect(await verificationsOf(id)).toBe(0);

  const again = visitor();
  expect((await goThrough(again, there)).headers.get('location')).toBe('/auth/account');
  expect(await isSignedInAs(again, 'ada')).toBe(true);
});

test('an address that is not verified there is none here either', async () => {
  const there = await provider.person('bob');
  const person = visitor();
  await goThrough(person, there);
  expect((await register(person)).status).toBe(303);
  expect(await verificationsOf(await idOf('bob'))).toBe(1);
});

test('somebody links an account there, signs in with it, and removes the link', async () => {
  const there = await provider.person('grace');
  const person = visitor();
  const typed = { username: 'grace_here', email: 'grace@home.example', password: 'a long password' };
  expect((await person.submit('/auth/sign-up', '/auth/sign-up', typed)).status).toBe(303);
  const linked = await goThrough(person, there, '/auth/account');
  expect([linked.status, linked.headers.get('location')]).toEqual([303, '/auth/account']);
  const id = await idOf('grace_here');
  expect(await linksOf(id)).toMatchObject([{ provider: NAME, subject: there.id }]);

  const again = visitor();
  await goThrough(again, there);
  expect(await isSignedInAs(again, 'grace_here')).toBe(true);

  const removed = await again.submit('/auth/account', `/auth/providers/${NAME}/unlink`);
  expect([removed.status, await linksOf(id)]).toEqual([303, []]);
  const stranger = visitor();
  const callback = await goThrough(stranger, there);
  expect(callback.headers.get('location')).toBe(`/auth/providers/${NAME}/account`);
});

test('whoever does not allow it there is signed in nowhere', async () => {
  const there = await provider.person('carol');
  const person = visitor();
  const { pathname, search } = await there.decide(await leaveFor(person, NAME), 'deny');
  const page = await person.open(`${pathname}${search}`);
  expect([page.status, page.text.includes('Their Rookery has not confirmed the sign-in')]).toEqual([
    403,
    true,
  ]);
});
