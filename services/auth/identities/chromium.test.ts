import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Chromium, openBrowser, type Person } from '../../../tests/support/chromium';
import { startForeignIssuer } from '../../../tests/support/foreign-issuer';
import { startIdentity } from '../../../tests/support/identity';

/** In Chromium, which holds forms to the policy of their page and cookies to their site: the provider is another site. */
const TIMEOUT_MS = 240_000;
const acme = await startForeignIssuer();
let app: { handle(request: Request): Promise<Response> } | undefined;
const listener = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request) => app?.handle(request) ?? new Response(null, { status: 503 }),
});
const url = `http://localhost:${listener.port}`;
const identity = await startIdentity({
  passwords: 'cheap',
  publicUrl: url,
  providers: [acme.settings('acme')],
});
app = identity.authApp;
let chromium: Chromium;

beforeAll(async () => {
  chromium = await openBrowser();
}, TIMEOUT_MS);
afterAll(async () => {
  await chromium?.close();
  await Promise.all([listener.stop(true), acme.close()]);
  await identity.close();
}, TIMEOUT_MS);

const PASSWORD = 'correct horse battery staple';

/** Presses a button that leads to the provider, which sends the browser back at once. */
async function goThrough(person: Person, button: string, heading: string): Promise<void> {
  await person.pressOnly(button);
  await person.page.waitForFunction(
    (expected) => document.querySelector('h1')?.textContent === expected,
    {},
    heading,
  );
}

async function signOut(person: Person): Promise<void> {
  await person.press('Sign out');
  await person.open('/auth/sign-in');
}

test.each([
  ['phone', 'dark'],
  ['desktop', 'light'],
] as const)(
  'on a %s, %s: somebody signs up at another provider, signs in, links and unlinks',
  async (size, scheme) => {
    const name = `chrome_${size}`;
    acme.state.person = { sub: `subject-${size}`, preferred_username: name, email: `${name}@example.com` };
    const person = await chromium.person(url, { size, scheme });
    await person.open('/auth/sign-in');
    await person.check('sign-in');
    await goThrough(person, 'Sign in with ACME', 'Create an account');
    await person.check('register');
    await person.press('Create account');
    expect(await person.heading()).toBe('Your account');
    await person.check('account');
    await person.press('Remove the link to ACME');
    expect(await person.heading()).toBe('Last way to sign in');
    await signOut(person);
    await goThrough(person, 'Sign in with ACME', 'Your account');

    await signOut(person);
    acme.state.person = { sub: `other-${size}`, preferred_username: `${name}_2` };
    await goThrough(person, 'Sign in with ACME', 'Create an account');
    await person.open('/auth/sign-up');
    await person.fill('Username', `${name}_2`);
    await person.fill('Email address', `${name}_2@example.com`);
    await person.fill('Password', PASSWORD);
    await person.press('Create account');
    await person.open('/auth/providers/acme/account');
    expect(await person.heading()).toBe('Link your account');
    await person.check('link');
    await person.press('Link');
    expect(await person.heading()).toBe('Your account');
    await person.press('Remove the link to ACME');
    await goThrough(person, 'Link an account at ACME', 'Your account');
    expect(await person.text()).toContain(`${name}_2`);
    await person.close();
  },
  TIMEOUT_MS,
);
