import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { type Misbehaviour, startForeignIssuer } from '../../../tests/support/foreign-issuer';
import { goThrough, leaveFor, signInThere } from '../../../tests/support/foreign-sign-in';
import { startIdentity } from '../../../tests/support/identity';
import { type OpenedPage, pageVisitor } from '../../../tests/support/page-visitor';
import { identities } from '../schema';
import { FOREIGN_SIGN_IN_MS } from './flow';

/** Whatever is wrong with what comes back from a provider: a clear page, nobody signed in, nothing linked, nothing repeated. */
const HOSTILE = '"><script>alert(1)</script>';
const acme = await startForeignIssuer();
const other = await startForeignIssuer();
const gone = await startForeignIssuer();
await gone.close();
const identity = await startIdentity({
  passwords: 'cheap',
  providers: [acme.settings('acme'), other.settings('other'), gone.settings('gone')],
});
const { clock } = identity;
const { database } = identity.authDeps;

afterAll(async () => {
  await identity.close();
  await Promise.all([acme.close(), other.close()]);
});

beforeEach(() => {
  for (const { state } of [acme, other]) {
    state.misbehaviour = {};
    state.person = { sub: 'a-subject', email: 'somebody@example.com', email_verified: true };
  }
  clock.aheadMs = 0;
});

const visitor = () => pageVisitor(identity.authApp);

async function expectRefusal(page: OpenedPage, words: string, status = 403) {
  expect(page.status).toBe(status);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.text).toContain(words);
  for (const secret of ['alert(1)', 'a-subject', 'somebody@example.com', acme.issuer])
    expect(page.text).not.toContain(secret);
  expect(page.headers.getSetCookie().filter((line) => line.startsWith('foreign_account'))).toEqual([]);
  expect(await database.$count(identities)).toBe(0);
}

const UNVERIFIED = 'could not be verified';
const EXPIRED = 'Begin again';
const seconds = Math.floor(Date.now() / 1000);

test.each<[string, Misbehaviour]>([
  ['an ID token of another issuer', { claims: { iss: 'https://evil.example' } }],
  ['an ID token for another client', { claims: { aud: 'another-client' } }],
  ['an ID token for several clients, for another one', { claims: { aud: ['rookery', 'x'], azp: 'x' } }],
  ['an ID token with another nonce', { claims: { nonce: 'another' } }],
  ['an ID token without a nonce', { claims: { nonce: undefined } }],
  ['an expired ID token', { claims: { iat: seconds - 7_200, exp: seconds - 3_600 } }],
  ['an ID token without an end', { claims: { exp: undefined } }],
  ['an ID token without a subject', { claims: { sub: undefined } }],
  ['an ID token with a subject that is too long', { claims: { sub: 'x'.repeat(256) } }],
  ['an ID token with a subject of other characters', { claims: { sub: 'a\u0000b' } }],
  ['an unsigned ID token', { signature: 'none' }],
  ['an ID token signed with a key that is not published', { signature: 'unpublished' }],
  ['no ID token', { token: () => Response.json({ access_token: 'a', token_type: 'Bearer' }) }],
  ['an error', { token: () => Response.json({ error: HOSTILE }, { status: 400 }) }],
  ['a failure', { token: () => Response.json({ a: HOSTILE }, { status: 500 }) }],
  ['something else', { token: () => Response.json([HOSTILE]) }],
])('a provider that answers with %s signs nobody in', async (_, misbehaviour) => {
  acme.state.misbehaviour = misbehaviour;
  await expectRefusal(await goThrough(visitor(), 'acme'), UNVERIFIED);
});

test('a refusal is counted', async () => {
  acme.state.misbehaviour = { signature: 'none' };
  const count = async () => {
    const { metrics } = identity.authDeps.runtime;
    return /foreign_sign_ins_total\{provider="acme",outcome="refused"\} (\d+)/.exec(
      await metrics.metrics(),
    )?.[1];
  };
  const before = Number((await count()) ?? 0);
  await goThrough(visitor(), 'acme');
  expect(Number(await count())).toBe(before + 1);
});

test('user information about somebody else signs nobody in', async () => {
  acme.state.person = { sub: 'a-subject' };
  acme.state.misbehaviour = { userinfo: { sub: 'another', email: 'somebody@example.com' } };
  await expectRefusal(await goThrough(visitor(), 'acme'), UNVERIFIED);
});

test.each<[string, Misbehaviour]>([
  ['a page', { token: () => new Response(HOSTILE, { headers: { 'content-type': 'text/html' } }) }],
  ['megabytes', { token: () => Response.json({ a: 'x'.repeat(1_000_000) }) }],
  ['a redirect', { token: () => Response.redirect(`${acme.issuer}/token`, 307) }],
])('a provider that answers with %s is as good as away', async (_, misbehaviour) => {
  acme.state.misbehaviour = misbehaviour;
  await expectRefusal(await goThrough(visitor(), 'acme'), 'ACME cannot be reached', 424);
});

test('a provider that is away says so on the page, and the others go on', async () => {
  const person = visitor();
  await expectRefusal(await person.submit('/auth/sign-in', '/auth/providers/gone'), 'GONE cannot be', 424);
  expect(await leaveFor(person, 'acme')).toStartWith(acme.issuer);
  const readiness = await identity.authApp.handle(new Request('http://localhost/readyz'));
  const { status, dependencies } = await readiness.json();
  expect([readiness.status, status]).toEqual([200, 'degraded']);
  expect(dependencies['sign-in provider gone']).toMatchObject({
    status: 'down',
    required: false,
    detail: expect.stringContaining('cannot be reached'),
  });
  expect(dependencies['sign-in provider acme']).toMatchObject({ status: 'up', required: false });
});

describe('a callback', () => {
  test.each([
    ['nothing', ''],
    ['a state of nobody', '?code=x&state=unknown'],
    ['an empty state', '?code=x&state='],
    ['rubbish', `?${encodeURIComponent(HOSTILE)}=${encodeURIComponent(HOSTILE)}&state=%ff`],
    ['no code but an error', `?error=${encodeURIComponent(HOSTILE)}&state=x`],
  ])('with %s is refused', async (_, query) => {
    const person = visitor();
    await person.open('/auth/sign-in');
    const page = await person.open(`/auth/providers/acme/callback${query}`);
    expect([400, 403]).toContain(page.status);
    expect(page.text).not.toContain('alert(1)');
  });

  test('with an error says that the provider has not confirmed, in words of ours', async () => {
    acme.state.misbehaviour = {
      callback: { code: undefined, error: 'access_denied', error_description: HOSTILE },
    };
    await expectRefusal(await goThrough(visitor(), 'acme'), 'ACME has not confirmed the sign-in');
  });

  test.each<[string, Misbehaviour['callback']]>([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['without the issuer that it must name', { iss: undefined }],
    ['without a code', { code: undefined }],
    ['with a code of nobody', { code: 'guessed' }],
  ])('%s is refused', async (_, callback) => {
    acme.state.misbehaviour = { callback };
    await expectRefusal(await goThrough(visitor(), 'acme'), UNVERIFIED);
  });

  test('in another browser is refused, and does not use up that of the first', async () => {
    const attacker = visitor();
    const callback = await signInThere(await leaveFor(attacker, 'acme'));
    const victim = visitor();
    await victim.open('/auth/sign-in');
    await expectRefusal(await victim.open(callback), EXPIRED);
    await expectRefusal(await visitor().open(callback), EXPIRED);
    expect((await attacker.open(callback)).status).toBe(303);
  });

  test('works once', async () => {
    const person = visitor();
    const callback = await signInThere(await leaveFor(person, 'acme'));
    const answers = await Promise.all([1, 2, 3].map(() => person.open(callback)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 403, 403]);
    await expectRefusal(await person.open(callback), EXPIRED);
  });

  test('is refused after ten minutes', async () => {
    const person = visitor();
    const callback = await signInThere(await leaveFor(person, 'acme'));
    clock.aheadMs = FOREIGN_SIGN_IN_MS + 1_000;
    await expectRefusal(await person.open(callback), EXPIRED);
  });

  test('of one provider is not taken for that of another (mix-up)', async () => {
    const person = visitor();
    const callback = await signInThere(await leaveFor(person, 'acme'));
    other.state.requests = [];
    const crossed = callback.replace('/providers/acme/', '/providers/other/');
    await expectRefusal(await person.open(crossed), EXPIRED);
    expect(other.state.requests).not.toContain('/token');
    // A provider that pretends to be another one: its code is not sent there.
    acme.state.misbehaviour = { callback: { iss: other.issuer } };
    await expectRefusal(await goThrough(person, 'acme'), UNVERIFIED);
    expect(other.state.requests).not.toContain('/token');
  });

  test('with the code of another sign-in is refused: PKCE and nonce are of one browser', async () => {
    const attacker = visitor();
    const stolen = new URLSearchParams((await signInThere(await leaveFor(attacker, 'acme'))).split('?')[1]);
    acme.state.misbehaviour = { callback: { code: stolen.get('code') ?? '' } };
    await expectRefusal(await goThrough(visitor(), 'acme'), UNVERIFIED);
  });
});

describe('a waiting account', () => {
  test('is for the browser that has brought it alone', async () => {
    const person = visitor();
    await goThrough(person, 'acme');
    expect((await person.open('/auth/providers/acme/account')).status).toBe(200);
    const stranger = visitor();
    for (const path of ['/auth/providers/acme/account', '/auth/providers/other/account'])
      await expectRefusal(await stranger.open(path), EXPIRED);
    await expectRefusal(await person.open('/auth/providers/other/account'), EXPIRED);
    const page = await stranger.open('/auth/sign-in');
    const { form_token = '' } = await page.fieldsOf('/auth/sign-in');
    const typed = { form_token, username: 'stranger', email: 'stranger@example.com' };
    await expectRefusal(await stranger.send('/auth/providers/acme/register', typed), EXPIRED);
  });

  test('is not begun, registered or linked by a page of another site', async () => {
    const person = visitor();
    const page = await person.open('/auth/sign-in');
    const { form_token = '' } = await page.fieldsOf('/auth/providers/acme');
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    for (const path of ['acme', 'acme/register', 'acme/link', 'acme/unlink']) {
      const fields = { form_token, ...(path === 'acme/register' && { username: 'x', email: 'y' }) };
      expect((await person.send(`/auth/providers/${path}`, fields, foreign)).status).toBe(403);
      const { form_token: _, ...bare } = fields;
      const refused = await person.send(`/auth/providers/${path}`, { ...bare, form_token: 'guessed' });
      expect(refused.status).toBe(403);
    }
    // Nor by a link: signing in is not forced on anybody.
    expect((await person.open('/auth/providers/acme')).status).toBe(405);
  });

  test('leads to pages of ours alone afterwards', async () => {
    for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example']) {
      const person = visitor();
      const page = await person.open('/auth/sign-in');
      const { form_token = '' } = await page.fieldsOf('/auth/providers/acme');
      const away = await person.send('/auth/providers/acme', { form_token, next });
      expect(away.text).not.toContain('evil');
    }
  });

  test('is shown with its name escaped', async () => {
    acme.state.person = { sub: 'a-subject', name: HOSTILE, preferred_username: HOSTILE };
    const person = visitor();
    await goThrough(person, 'acme');
    const page = await person.open('/auth/providers/acme/account');
    expect([page.status, page.text.includes('<script')]).toEqual([200, false]);
  });
});
