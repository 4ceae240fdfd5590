import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { softwareAuthenticator } from '../../../../tests/support/authenticator';
import { startIdentity } from '../../../../tests/support/identity';
import { type OpenedPage, pageVisitor } from '../../../../tests/support/page-visitor';
import { codeOf, PASSWORD, peopleWithFactors } from '../../../../tests/support/second-factors';
import { sessions } from '../../schema';

const identity = await startIdentity({ passwords: 'cheap' });
const { authDeps } = identity;
const people = peopleWithFactors(identity);

afterAll(() => identity.close());

const ORIGIN = 'https://rookery.example';
const ACCOUNT = '/auth/account';
const FACTORS = '/auth/account/second-factors';
const ANSWER = '/auth/sign-in/second-factor';
const whereTo = ({ status, headers }: OpenedPage) => [status, headers.get('location')];

/** Types the password on the page to sign in on. */
async function type(username: string, query = '') {
  const visitor = pageVisitor(identity.authApp);
  const typed = { name: username, password: PASSWORD };
  const answer = await visitor.submit(`/auth/sign-in${query}`, '/auth/sign-in', typed);
  return { visitor, answer };
}

async function join() {
  const person = await people.join();
  const { visitor, answer } = await type(person.username);
  expect(whereTo(answer)).toEqual([303, ACCOUNT]);
  return { ...person, visitor };
}

/** The options of WebAuthn on the button of a page. */
async function optionsIn({ text }: OpenedPage) {
  let options = '';
  await new HTMLRewriter()
    .on('button[data-passkey]', {
      element(button) {
        options = button.getAttribute('data-options') ?? '';
      },
    })
    .transform(new Response(text))
    .text();
  return JSON.parse(options.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
}

const codesIn = ({ text }: OpenedPage) =>
  [...text.matchAll(/<li>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})<\/li>/g)].map(([, code = '']) => code);

describe('the page between the password and the session', () => {
  test('takes the code of an app, keeps where to go on to, and signs nobody in before', async () => {
    const person = await people.joinWithApp();
    const { visitor, answer } = await type(person.username, '?next=/auth/account/sessions');
    expect(whereTo(answer)).toEqual([303, `${ANSWER}?next=%2Fauth%2Faccount%2Fsessions`]);
    expect((await visitor.open(ACCOUNT)).status).toBe(303);
    const path = answer.headers.get('location') ?? '';
    expect((await visitor.open(path)).text).not.toContain('data-passkey');
    const wrong = await visitor.submit(path, ANSWER, { code: codeOf(person.secret, { steps: 5 }) });
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain('This code is wrong');
    const code = codeOf(person.secret).replace(/^.../, '$& ');
    const entered = await visitor.submit(path, ANSWER, { code });
    expect(whereTo(entered)).toEqual([303, '/auth/account/sessions']);
    expect((await visitor.open(ACCOUNT)).text).toContain(person.username);
  });

  test('takes a recovery code, once', async () => {
    const person = await people.joinWithApp();
    const [recovery_code = ''] = person.recoveryCodes;
    for (const expected of [303, 401]) {
      const { visitor } = await type(person.username);
      const fields = await (await visitor.open(ANSWER)).fieldsOf(ANSWER);
      const { code: _, ...form } = fields;
      expect((await visitor.send(ANSWER, { ...form, recovery_code })).status).toBe(expected);
    }
  });

  test('goes back to the beginning in a browser where no sign-in waits, or no more', async () => {
    const stranger = pageVisitor(identity.authApp);
    expect(whereTo(await stranger.open(ANSWER))).toEqual([303, '/auth/sign-in?next=%2Fauth%2Faccount']);
    const person = await people.joinWithApp();
    const { visitor } = await type(person.username);
    const fields = await (await visitor.open(ANSWER)).fieldsOf(ANSWER);
    const send = (code: string) => visitor.send(ANSWER, { ...fields, code });
    for (let time = 0; time < 5; time++) expect((await send('000000')).status).toBe(401);
    expect(whereTo(await send(codeOf(person.secret)))[0]).toBe(303);
    expect((await visitor.open(ACCOUNT)).status).toBe(303);
  });
});

describe('on the pages of an account', () => {
  test('an app is set up by its QR code, turned on by a code, and removed', async () => {
    const { id, username, visitor } = await join();
    const path = `${FACTORS}/app`;
    const shown = await visitor.open(path);
    expect(shown.text).toContain('src="data:image/svg+xml,');
    const secret = /<code>([A-Z2-7 ]+)<\/code>/.exec(shown.text)?.[1]?.replaceAll(' ', '') ?? '';
    const wrong = await visitor.submit(path, path, { code: codeOf(secret, { steps: 5 }) });
    expect(wrong.status).toBe(403);
    expect(wrong.text).toContain('This code is wrong');
    // What was scanned is still good.
    const turnedOn = await visitor.submit(path, path, { code: codeOf(secret) });
    expect(codesIn(turnedOn)).toHaveLength(10);
    expect((await visitor.open(FACTORS)).text).toContain('10 are left');
    expect(whereTo(await visitor.open(path))).toEqual([303, FACTORS]);
    await people.forgetUsedCodes(id);
    const again = await type(username);
    expect(whereTo(await again.visitor.submit(ANSWER, ANSWER, { code: codeOf(secret) }))).toEqual([
      303,
      ACCOUNT,
    ]);
    const remove = `${FACTORS}/app/remove`;
    expect(whereTo(await again.visitor.submit(FACTORS, remove))).toEqual([303, FACTORS]);
    expect((await type(username)).answer.headers.get('location')).toBe(ACCOUNT);
  });

  test('recovery codes are made anew', async () => {
    const person = await people.joinWithApp();
    const { visitor } = await type(person.username);
    await visitor.submit(ANSWER, ANSWER, { code: codeOf(person.secret) });
    const made = await visitor.submit(FACTORS, `${FACTORS}/recovery-codes`);
    const [code = ''] = codesIn(made);
    expect(person.recoveryCodes).not.toContain(code);
    expect((await people.complete(await people.begin(person.username), { recovery_code: code })).status).toBe(
      200,
    );
  });

  test('a passkey is registered, named, and signs in alone and after the password', async () => {
    const { username, visitor } = await join();
    const add = '/auth/account/passkeys/add';
    const authenticator = softwareAuthenticator(ORIGIN);
    const page = await visitor.open(add);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const passkey = JSON.stringify(authenticator.create(await optionsIn(page)));
    const fields = { ...(await page.fieldsOf(add)), name: '<b>Mine</b>', passkey };
    expect(codesIn(await visitor.send(add, fields))).toHaveLength(10);
    const list = await visitor.open('/auth/account/passkeys');
    expect(list.text).toContain('&lt;b>Mine');
    const rename = '/auth/account/passkeys/rename';
    expect((await visitor.submit('/auth/account/passkeys', rename, { name: 'Renamed' })).status).toBe(303);
    expect((await visitor.open('/auth/account/passkeys')).text).toContain('Renamed');

    const alone = pageVisitor(identity.authApp);
    const signIn = await alone.open('/auth/sign-in');
    const options = await identity.callAuth('POST', '/auth/passkeys/sign-in/options');
    const answer = JSON.stringify(authenticator.get(options.body as never));
    const form = await signIn.fieldsOf('/auth/sign-in/passkey');
    expect(whereTo(await alone.send('/auth/sign-in/passkey', { ...form, passkey: answer }))).toEqual([
      303,
      ACCOUNT,
    ]);
    const repeated = await alone.send('/auth/sign-in/passkey', { ...form, passkey: answer });
    expect(repeated.status).toBe(403);

    const second = (await type(username)).visitor;
    const asked = await second.open(ANSWER);
    const { code: _, ...sent } = await asked.fieldsOf(ANSWER);
    const shown = JSON.stringify(authenticator.get(await optionsIn(asked)));
    expect(whereTo(await second.send(ANSWER, { ...sent, passkey: shown }))).toEqual([303, ACCOUNT]);
    const remove = '/auth/account/passkeys/remove';
    expect((await second.submit('/auth/account/passkeys', remove)).status).toBe(303);
    expect((await type(username)).answer.headers.get('location')).toBe(ACCOUNT);
  });

  test('nothing of it is changed, nor a secret shown, without a recent sign-in', async () => {
    const { id, visitor } = await join();
    const before = new Date(Date.now() - 10 * 60_000);
    await authDeps.database.update(sessions).set({ createdAt: before }).where(eq(sessions.userId, id));
    for (const path of [`${FACTORS}/app`, '/auth/account/passkeys/add'])
      expect(whereTo(await visitor.open(path))).toEqual([
        303,
        `/auth/sign-in?${new URLSearchParams({ next: path, again: '1' })}`,
      ]);
    const form = await (await visitor.open('/auth/sign-out')).fieldsOf('/auth/sign-out');
    for (const [path, fields] of [
      [`${FACTORS}/app`, { code: '123456' }],
      [`${FACTORS}/app/remove`, {}],
      [`${FACTORS}/recovery-codes`, {}],
      ['/auth/account/passkeys/add', { name: 'x', passkey: '{}' }],
      ['/auth/account/passkeys/remove', { id }],
    ] as const)
      expect(whereTo(await visitor.send(path, { ...form, ...fields }))[1]).toStartWith('/auth/sign-in?');
  });
});

test('the script of passkeys is a file of ours, and the only one', async () => {
  const visitor = pageVisitor(identity.authApp);
  const script = await visitor.open('/auth/passkeys.js');
  expect([script.status, script.headers.get('content-type')]).toEqual([
    200,
    'text/javascript; charset=utf-8',
  ]);
  expect(script.text).toContain('navigator.credentials');
  const page = await visitor.open('/auth/sign-in');
  expect(page.text.match(/<script[^>]*>/g)).toEqual(['<script type="module" src="/auth/passkeys.js">']);
});
