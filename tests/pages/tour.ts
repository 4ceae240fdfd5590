import type { Person } from '../support/chromium';
import type { System } from '../support/system';
import { mailedPath } from './mailed-links';

export const PASSWORD = 'correct horse battery staple';
const NEW_PASSWORD = 'another horse, and a stapler';

/** Visits every page as somebody new, and stops at each with its name. */
export async function* tour(
  system: Pick<System, 'stack'>,
  person: Person,
  username: string,
): AsyncGenerator<string> {
  yield* signingUp(system, person, username);
  yield* account(person, username);
  yield* resetting(system, person, username);
  await person.open('/auth/nothing-here');
  yield 'not-found';
}

async function* signingUp(
  system: Pick<System, 'stack'>,
  person: Person,
  username: string,
): AsyncGenerator<string> {
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
  await person.open('/auth/account');
  await person.press('Sign out');
  yield 'signed-out';
}

async function* resetting(
  system: Pick<System, 'stack'>,
  person: Person,
  username: string,
): AsyncGenerator<string> {
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
