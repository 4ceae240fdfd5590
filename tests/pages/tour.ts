import { Secret, TOTP } from 'otpauth';
import type { Person } from '../support/chromium';
import type { System } from '../support/system';
import { registerApp, startDevice } from './apps';
import { mailedPath } from './mailed-links';

export const PASSWORD = 'correct horse battery staple';
const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob';
const NEW_PASSWORD = 'another horse, and a stapler';

type TouredSystem = Pick<System, 'stack' | 'url'>;

/** Visits every page as somebody new, and stops at each with its name. */
export async function* tour(system: TouredSystem, person: Person, username: string): AsyncGenerator<string> {
  yield* signingUp(system, person, username);
  yield* allowing(system, person);
  yield* account(person, username);
  yield* factors(person, username);
  yield* resetting(system, person, username);
  await person.open('/auth/nothing-here');
  yield 'not-found';
}

async function* signingUp(system: TouredSystem, person: Person, username: string): AsyncGenerator<string> {
  await person.open('/auth/sign-in');
  yield 'sign-in';
  await person.fill('Username or email address', username);
  await person.fill('Password', 'wrong');
  await person.press('Sign in');
  yield 'sign-in-refused';
  await person.press('Create an account');
  yield 'sign-up';
  await person.fill('Username', 'admin');
  await person.fill('Email address', addressOf(username));
  await person.fill('Password', 'password1');
  await person.press('Create account');
  yield 'sign-up-refused';
  await person.fill('Username', username);
  await person.fill('Password', PASSWORD);
  await person.press('Create account');
  yield 'account';
  const verification = await mailedPath(system, addressOf(username), '/users/email/verification');
  await person.open(verification);
  yield 'verification';
  await person.press('Confirm');
  yield 'verified';
  await person.open(verification);
  yield 'verification-used';
}

async function* account(person: Person, username: string): AsyncGenerator<string> {
  await person.open('/auth/account/sessions');
  yield 'sessions';
  await person.open('/auth/account/password');
  yield 'password';
  await person.fill('Current password', 'wrong');
  await person.fill('New password', 'short');
  await person.press('Change password');
  yield 'password-refused';
  await person.open('/auth/account/delete');
  yield 'deletion';
  await person.fill('Your username', `not ${username}`);
  await person.press('Delete the account');
  yield 'deletion-refused';
  await person.open('/auth/sign-in?next=/auth/account&again=1');
  yield 'sign-in-again';
  await person.open('/auth/sign-out');
  yield 'sign-out';
}

async function* allowing({ url }: TouredSystem, person: Person): AsyncGenerator<string> {
  await person.open(await registerApp(url, 'Sparrow', { registered: OUT_OF_BAND }));
  yield 'consent';
  await person.press('Allow');
  yield 'code';
  await person.open('/oauth/authorize?client_id=unknown');
  yield 'unusable-request';
  const userCode = await startDevice(url, 'Television');
  await person.open('/oauth/device');
  yield 'device';
  await person.fill('Code', 'WRONG');
  await person.press('Continue');
  yield 'device-refused';
  await person.fill('Code', userCode);
  await person.press('Continue');
  yield 'device-consent';
  await person.press('Allow');
  yield 'device-connected';
  await person.open('/auth/account/apps');
  yield 'apps';
}

async function* factors(person: Person, username: string): AsyncGenerator<string> {
  await person.open('/auth/account/passkeys');
  yield 'passkeys';
  await person.open('/auth/account/passkeys/add');
  yield 'add-passkey';
  await person.open('/auth/account/second-factors/app');
  yield 'set-up-app';
  const secret = await person.page.$eval('details code', (code) => code.textContent ?? '');
  await person.fill('Code', '000000');
  await person.press('Turn on');
  yield 'set-up-app-refused';
  await person.fill('Code', codeOf(secret));
  await person.press('Turn on');
  yield 'recovery-codes';
  await person.press('I have kept them');
  yield 'second-factors';
  await person.press('Sign out');
  yield 'signed-out';
  await person.open('/auth/sign-in');
  await person.fill('Username or email address', username);
  await person.fill('Password', PASSWORD);
  await person.press('Sign in');
  yield 'second-factor';
}

const codeOf = (secret: string): string =>
  new TOTP({ secret: Secret.fromBase32(secret.replaceAll(' ', '')) }).generate();

async function* resetting(system: TouredSystem, person: Person, username: string): AsyncGenerator<string> {
  await person.open('/auth/forgot-password');
  yield 'forgot-password';
  await person.fill('Email address', addressOf(username));
  await person.press('Mail me a link');
  yield 'mailed';
  const link = await mailedPath(system, addressOf(username), '/auth/reset-password');
  await person.open(link);
  yield 'reset-password';
  await person.fill('New password', 'password');
  await person.press('Set password');
  yield 'reset-refused';
  await person.fill('New password', NEW_PASSWORD);
  await person.press('Set password');
  yield 'reset-done';
  await person.open(link);
  yield 'reset-used';
}

export const addressOf = (username: string): string => `${username}@example.com`;
