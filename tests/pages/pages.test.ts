import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Chromium, openBrowser, type Person } from '../support/chromium';
import { request } from '../support/client';
import { sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';
import { mailedPath } from './mailed-links';
import { addressOf, PASSWORD, tour } from './tour';

/** The pages in Chromium, through the gateway and under their real Content-Security-Policy. */
const START_MS = 240_000;
const TEST_MS = 240_000;
const NEW_PASSWORD = 'another horse, and a stapler';

let system: System;
let chromium: Chromium;

beforeAll(async () => {
  [system, chromium] = await Promise.all([sharedSystem(), openBrowser()]);
}, START_MS);

afterAll(() => chromium?.close(), START_MS);

async function signUp(person: Person, username: string): Promise<void> {
  await person.open('/auth/sign-up');
  await person.fill('Username', username);
  await person.fill('Email address', addressOf(username));
  await person.fill('Password', PASSWORD);
  await person.press('Create account');
  expect(await person.heading()).toBe('Your account');
}

async function signIn(person: Person, username: string, password: string): Promise<void> {
  await person.open('/auth/sign-in');
  await person.fill('Username or email address', username);
  await person.fill('Password', password);
  await person.press('Sign in');
}

const LOOKS = [
  { size: 'phone', scheme: 'dark' },
  { size: 'desktop', scheme: 'light' },
] as const;

test(
  'no page has a serious fault of accessibility, an error, or a violation of its policy',
  async () => {
    const person = await chromium.person(system.url);
    const seen: string[] = [];
    for await (const name of tour(system, person, 'tourist_p')) {
      for (const look of LOOKS) {
        await person.look(look);
        await person.check(`${name} on a ${look.size}`);
      }
      seen.push(name);
    }
    expect(seen.length).toBeGreaterThan(30);
    await person.close();
  },
  TEST_MS,
);

test(
  'somebody signs up, confirms the address, signs in elsewhere, ends that session, and signs out',
  async () => {
    const [person, elsewhere] = [await chromium.person(system.url), await chromium.person(system.url)];
    await signUp(person, 'paula_p');
    await person.open(await mailedPath(system, addressOf('paula_p'), '/users/email/verification'));
    await person.press('Confirm');
    expect(await person.heading()).toBe('Your email address is confirmed');

    await signIn(elsewhere, 'paula_p@example.com', PASSWORD);
    expect(await elsewhere.heading()).toBe('Your account');
    await person.press('Your account');
    await person.press('End the session Chrome on Linux, 127.0.0.1');
    expect(await person.heading()).toBe('Your sessions');
    await elsewhere.open('/auth/account/password');
    expect(await elsewhere.heading()).toBe('Sign in');

    await person.press('Sign out');
    expect(await person.heading()).toBe('You are signed out');
    await person.open('/auth/account');
    expect(await person.heading()).toBe('Sign in');
    for (const one of [person, elsewhere]) await one.close();
  },
  TEST_MS,
);

test(
  'somebody who has forgotten the password sets a new one by the mailed link',
  async () => {
    const person = await chromium.person(system.url, { size: 'phone' });
    await signUp(person, 'quentin_p');
    await person.press('Sign out');
    await person.open(await verification('quentin_p'));
    await person.press('Confirm');
    await person.open('/auth/sign-in');
    await person.press('Forgot your password?');
    await person.fill('Email address', addressOf('quentin_p'));
    await person.press('Mail me a link');
    await person.open(await mailedPath(system, addressOf('quentin_p'), '/auth/reset-password'));
    await person.fill('New password', NEW_PASSWORD);
    await person.press('Set password');
    await person.press('Sign in');
    await person.fill('Username or email address', 'quentin_p');
    await person.fill('Password', NEW_PASSWORD);
    await person.press('Sign in');
    expect(await person.heading()).toBe('Your account');
    await person.close();
  },
  TEST_MS,
);

const verification = (username: string) =>
  mailedPath(system, addressOf(username), '/users/email/verification');

test(
  'somebody deletes the account',
  async () => {
    const person = await chromium.person(system.url);
    await signUp(person, 'rita_p');
    await person.press('Delete the account With all its data. This cannot be undone.');
    await person.fill('Your username', 'rita_p');
    await person.press('Delete the account');
    expect(await person.heading()).toBe('Your account is deleted');
    const { status } = await request(system.url, 'POST', '/auth/login', {
      body: { username: 'rita_p', password: PASSWORD },
    });
    expect(status).toBe(401);
    await person.close();
  },
  TEST_MS,
);
