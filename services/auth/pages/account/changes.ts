import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { usernameKey } from '#kit/text/identity';
import { PasswordChange, WrongPassword } from '../../credentials/model';
import { changePassword } from '../../credentials/password-change';
import { hasPassword } from '../../credentials/store';
import type { AuthDeps } from '../../deps';
import { type BrowserSession, enterBrowser, isRecent, leaveBrowser } from '../browser-sessions';
import { failureOf, type Wording } from '../failures';
import { requireSignIn, type Visitor } from '../visitor';
import { authorizationOf, callerOf } from './caller';
import { deletedPage, deletionPage } from './deletion-page';
import type { DeletionForm, PasswordForm } from './model';
import { passwordChangedPage, passwordPage } from './password-page';

const WORDING: Wording = {
  [WrongPassword.code]: { field: 'current_password', message: 'This is not your password.' },
  'user.last-administrator': { notice: 'The last administrator cannot be deleted.' },
};

/** A transaction of users, and its call back with the password. */
const DELETION_DEADLINE_MS = 10_000;

/** Changes the password, which ends all other sessions, or shows the form again. */
export async function changePasswordByForm(
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
  { current_password, new_password }: PasswordForm,
): Promise<Response> {
  try {
    const input = validated(PasswordChange, { current_password, new_password });
    const caller = callerOf(deps, session);
    const tokens = await changePassword(deps, caller, caller.id, { ...input, from: visitor.from });
    const cookie = await enterBrowser(deps, visitor.browser, tokens.refresh_token);
    return passwordChangedPage(visitor, [cookie]);
  } catch (thrown) {
    return passwordPage(visitor, failureOf(thrown, WORDING, ['current_password', 'new_password']));
  }
}

/** Who is signed in and can confirm who they are: with the password, or without one by a recent sign-in. */
export async function requireConfirmation(
  deps: AuthDeps,
  visitor: Visitor,
  request: Request,
): Promise<BrowserSession | Response> {
  const session = requireSignIn(deps, visitor, request);
  if (session instanceof Response) return session;
  return requireSignIn(deps, visitor, request, { recent: !(await hasPassword(deps, session.userId)) });
}

/** Has users delete the account, which owns it, or shows the form again. */
export async function deleteByForm(
  deps: AuthDeps,
  visitor: Visitor,
  session: BrowserSession,
  { username, current_password }: DeletionForm,
): Promise<Response> {
  const asksPassword = !isRecent(deps, session);
  try {
    if (usernameKey(username.trim()) !== usernameKey(session.username))
      throw new ValidationFailed({ errors: [{ field: 'username', message: 'This is not your username.' }] });
    const password = asksPassword ? { current_password: current_password ?? '' } : {};
    await deps.users.deleteMe(password, {
      ...visitor.from.lifetime,
      deadlineMs: DELETION_DEADLINE_MS,
      onBehalfOf: { authorization: await authorizationOf(deps, session), origin: visitor.from.client },
    });
  } catch (thrown) {
    const failure = failureOf(thrown, WORDING, ['username', 'current_password']);
    return deletionPage(visitor, { asksPassword, username, failure });
  }
  return deletedPage([await leaveBrowser(deps, visitor.browser)]);
}
