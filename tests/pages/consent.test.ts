import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Chromium, openBrowser, type Person } from '../support/chromium';
import { join, PASSWORD } from '../support/client';
import { eventually } from '../support/eventually';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';
import { registerApp } from './apps';

/** Consent in Chromium, which holds a form and the redirects that follow it to the `form-action` of its page. */
const START_MS = 240_000;
const TEST_MS = 240_000;
const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob';

let system: System;
let chromium: Chromium;
/** A program that listens on this machine (RFC 8252, section 7.3). */
const listening = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => page('The program has it') });

beforeAll(async () => {
  [system, chromium] = await Promise.all([sharedSystem(), openBrowser()]);
}, START_MS);

afterAll(async () => {
  await chromium?.close();
  await listening.stop(true);
}, START_MS);

const page = (heading: string) =>
  new Response(`<!doctype html><title>${heading}</title><h1>${heading}</h1>`, {
    headers: { 'content-type': 'text/html' },
  });

/** Signs in on the way to an app's request. */
async function signInFor(person: Person, username: string, path: string): Promise<void> {
  await person.open(path);
  await person.fill('Username or email address', username);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  // The page between goes on by itself.
  await person.page.waitForFunction(
    () => location.pathname === '/oauth/authorize' && document.readyState === 'complete',
  );
}

/** The addresses that the browser is sent to, also those that it cannot go to. */
async function redirectsOf({ page: tab }: Person): Promise<URL[]> {
  const redirects: URL[] = [];
  const session = await tab.createCDPSession();
  session.on('Network.responseReceivedExtraInfo', ({ headers }) => {
    const [, location] = Object.entries(headers).find(([name]) => name.toLowerCase() === 'location') ?? [];
    if (location !== undefined) redirects.push(new URL(location, system.url));
  });
  await session.send('Network.enable');
  return redirects;
}

test(
  'a program on this machine gets the code by a redirect to its port, also right after the sign-in',
  async () => {
    await join(system.url, 'sven_c');
    const person = await chromium.person(system.url);
    const uri = `http://127.0.0.1:${listening.port}/callback`;
    const path = await registerApp(system.url, 'Terminal', {
      registered: 'http://127.0.0.1/callback',
      requested: uri,
    });
    await signInFor(person, 'sven_c', path);
    expect(await person.heading()).toBe('Allow Terminal to use your account?');
    await person.check();
    await person.press('Allow');
    expect(await person.heading()).toBe('The program has it');
    const reached = new URL(person.page.url());
    expect([reached.host, reached.searchParams.get('state')]).toEqual([new URL(uri).host, 'the-state']);
    expect(reached.searchParams.get('code')).toMatch(/^[\w-]{20,}$/);
    await person.open('/auth/account/apps');
    await person.check();
    await person.press('End what Terminal may do');
    expect(await person.text()).toContain('No app may use your account.');
    await person.close();
  },
  TEST_MS,
);

test(
  'a site gets the code, and from then on without a question, also right after the sign-in',
  async () => {
    await join(system.url, 'tara_c');
    const person = await chromium.person(system.url, { size: 'phone', scheme: 'dark' });
    await person.answer('https://app.example', () => page('The site has it'));
    const path = await registerApp(system.url, 'Site', { registered: 'https://app.example/callback' });
    await signInFor(person, 'tara_c', path);
    await person.check();
    await person.press('Allow');
    expect([await person.heading(), new URL(person.page.url()).searchParams.get('state')]).toEqual([
      'The site has it',
      'the-state',
    ]);
    await person.open('/auth/sign-out');
    await person.press('Sign out');
    await person.open(path);
    await person.fill('Username or email address', 'tara_c');
    await person.fill('Password', PASSWORD);
    await person.press('Sign in');
    await person.page.waitForFunction(() => location.host === 'app.example');
    expect(await person.heading()).toBe('The site has it');
    await person.close();
  },
  TEST_MS,
);

test.each([
  ['umar_c', 'Allow', 'code'],
  ['ulla_c', 'Cancel', 'error'],
])(
  'an app with a scheme of its own is sent the answer: %s presses %s',
  async (username, decision, parameter) => {
    await join(system.url, username);
    const person = await chromium.person(system.url);
    const path = await registerApp(system.url, 'Phone app', { registered: 'com.example.app:/callback' });
    await signInFor(person, username, path);
    await person.check();
    const redirects = await redirectsOf(person);
    await person.pressOnly(decision);
    await eventually(() => {
      const { protocol, searchParams } = redirects.at(-1) ?? new URL(system.url);
      expect([protocol, searchParams.has(parameter)]).toEqual(['com.example.app:', true]);
    });
    // Nothing here knows the scheme; what counts is that the policy of the page has not stopped it.
    await person.faultless();
    await person.close();
  },
  TEST_MS,
);

test(
  'an app that no redirect reaches has the code shown',
  async () => {
    await join(system.url, 'vera_c');
    const person = await chromium.person(system.url, { size: 'phone' });
    await signInFor(person, 'vera_c', await registerApp(system.url, 'Device', { registered: OUT_OF_BAND }));
    await person.press('Allow');
    expect(await person.heading()).toBe('Your code');
    await person.check();
    await person.close();
  },
  TEST_MS,
);

test(
  'the harness notices what a page’s policy forbids',
  async () => {
    const person = await chromium.person(system.url);
    await person.open('/auth/sign-in');
    await person.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.head.append(script);
    });
    expect(await person.page.evaluate(() => 'ran' in window)).toBe(false);
    await expect(person.faultless()).rejects.toThrow('Content Security Policy');
    await person.close();
  },
  TEST_MS,
);
