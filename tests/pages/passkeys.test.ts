import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { CDPSession } from 'puppeteer-core';
import { type Chromium, openBrowser, type Person } from '../support/chromium';
import { startIdentity } from '../support/identity';
import { codeOf, PASSWORD, peopleWithFactors } from '../support/second-factors';

/** Passkeys in Chromium with its virtual authenticator, under the real Content-Security-Policy. */
const START_MS = 120_000;
const TEST_MS = 120_000;

let identity: Awaited<ReturnType<typeof startIdentity>>;
let chromium: Chromium;
let server: ReturnType<typeof Bun.serve> | undefined;
let url = '';

beforeAll(async () => {
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => identity?.authApp.handle(request) ?? new Response(null, { status: 503 }),
  });
  // Browsers know no passkeys of IP addresses.
  url = `http://localhost:${server.port}`;
  const publicUrl = `http://127.0.0.1:${server.port}`;
  [identity, chromium] = await Promise.all([startIdentity({ passwords: 'cheap', publicUrl }), openBrowser()]);
}, START_MS);

afterAll(async () => {
  await chromium?.close();
  await server?.stop(true);
  await identity?.close();
}, START_MS);

/** Gives a browser an authenticator of its own, as a laptop has one. @returns what takes it away */
async function withAuthenticator({ page }: Person): Promise<() => Promise<void>> {
  const session: CDPSession = await page.createCDPSession();
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return () => session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
}

async function signIn(person: Person, username: string): Promise<void> {
  await person.open('/auth/sign-in');
  await person.fill('Username or email address', username);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
}

const signOut = async (person: Person) => {
  await person.press('Sign out');
  expect(await person.heading()).toBe('You are signed out');
};

const recoveryCodesOn = ({ page }: Person) =>
  page.$$eval('.codes li', (items) => items.map((item) => item.textContent ?? ''));

test(
  'somebody registers a passkey, signs in with it alone and after the password, loses it and gets in with a recovery code',
  async () => {
    const { username } = await peopleWithFactors(identity).join();
    const person = await chromium.person(url, { size: 'phone' });
    const lose = await withAuthenticator(person);
    await signIn(person, username);
    await person.open('/auth/account/passkeys/add');
    await person.check();
    await person.press('Create the passkey');
    expect(await person.heading()).toBe('The passkey is registered');
    const codes = await recoveryCodesOn(person);
    expect(codes).toHaveLength(10);
    await person.check();
    await person.press('I have kept them');
    expect(await person.heading()).toBe('Your passkeys');
    await person.check();
    await signOut(person);

    await person.open('/auth/sign-in?next=/auth/account/passkeys');
    await person.check();
    await person.press('Sign in with a passkey');
    expect(await person.heading()).toBe('Your passkeys');
    expect(await person.text()).toContain('last used');
    await signOut(person);

    await signIn(person, username);
    expect(await person.heading()).toBe('Confirm that it is you');
    await person.check();
    await person.press('Use a passkey');
    expect(await person.heading()).toBe('Your account');
    await signOut(person);

    await lose();
    await signIn(person, username);
    await person.page.$eval('details', (details) => {
      details.open = true;
    });
    await person.fill('Recovery code', codes[0] ?? '');
    await person.press('Use the code');
    expect(await person.heading()).toBe('Your account');
    await person.open('/auth/account/passkeys');
    const [remove = ''] = await person.page.$$eval('button.danger', (all) =>
      all.map((one) => one.ariaLabel ?? ''),
    );
    await person.press(remove);
    expect(await person.page.$$('button.danger')).toHaveLength(0);
    await signOut(person);
    await signIn(person, username);
    expect(await person.heading()).toBe('Your account');
    await person.close();
  },
  TEST_MS,
);

test(
  'a passkey that is refused is told about on the page, and the password still signs in',
  async () => {
    const { username } = await peopleWithFactors(identity).join();
    const person = await chromium.person(url);
    await withAuthenticator(person);
    await person.open('/auth/sign-in');
    // The authenticator has none of this address.
    const [button] = await person.page.$$('button[data-passkey]');
    await button?.click();
    await person.page.waitForSelector('[data-passkey-failed]:not([hidden])');
    expect(await person.text()).toContain('No passkey was used.');
    await signIn(person, username);
    expect(await person.heading()).toBe('Your account');
    await person.close();
  },
  TEST_MS,
);

test(
  'an authenticator app is set up and signs in on a phone, in the dark, without a serious fault of accessibility',
  async () => {
    const { id, username } = await peopleWithFactors(identity).join();
    const person = await chromium.person(url, { size: 'phone', scheme: 'dark' });
    await signIn(person, username);
    await person.open('/auth/account/second-factors');
    await person.check();
    await person.press('Set up');
    await person.check();
    const secret = await person.page.$eval('code', (code) => code.textContent?.replaceAll(' ', '') ?? '');
    await person.fill('Code', codeOf(secret));
    await person.press('Turn on');
    expect(await recoveryCodesOn(person)).toHaveLength(10);
    await person.press('I have kept them');
    expect(await person.text()).toContain('10 are left.');
    await person.check();
    await signOut(person);
    await peopleWithFactors(identity).forgetUsedCodes(id);
    await signIn(person, username);
    await person.check();
    await person.fill('Code', codeOf(secret));
    await person.press('Confirm');
    expect(await person.heading()).toBe('Your account');
    await person.close();
  },
  TEST_MS,
);
