import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import type { AuthDeps } from '../../deps';
import { pendingIn } from '../../second-factors/pending';
import { AccountDeactivated, InvalidCredentials, SignIn } from '../../sessions/model';
import { signIn } from '../../sessions/sign-in';
import { enter } from '../entering';
import { failureOf, type Wording } from '../failures';
import { safeNext, seeOther } from '../next';
import { toSecondFactor } from '../second-factor/pending-cookie';
import type { Visitor } from '../visitor';
import type { SignInForm, SignInQuery } from './model';
import { signInPage } from './page';

const WORDING: Wording = {
  [InvalidCredentials.code]: { notice: 'The name or the password is wrong.' },
  [AccountDeactivated.code]: { notice: 'This account is deactivated.' },
  [ValidationFailed.code]: { notice: 'Enter your name and your password.' },
};

/** Signs the visitor in by what was typed, or shows the form again. */
export async function signInByForm(
  deps: AuthDeps,
  visitor: Visitor,
  { name, password, next }: SignInForm,
): Promise<Response> {
  const again = visitor.session !== null;
  const typedName = name.trim();
  try {
    const input = validated(SignIn, {
      ...(typedName.includes('@') ? { email: typedName } : { username: typedName }),
      password,
    });
    return await enter(deps, visitor, await signIn(deps, input, visitor.from), next);
  } catch (thrown) {
    const pending = pendingIn(thrown);
    if (pending !== undefined) return toSecondFactor(visitor, pending, next);
    const failure = failureOf(thrown, WORDING, []);
    const { providers } = deps;
    return signInPage(visitor, { providers, next, name: typedName, again, failure });
  }
}

/** The form; who is signed in already goes on, unless a recent sign-in is required. */
export function showSignIn(
  { providers }: Pick<AuthDeps, 'providers'>,
  visitor: Visitor,
  { next, again, login_hint: hint = '' }: SignInQuery,
): Response {
  const { session } = visitor;
  if (session !== null && again === undefined) return seeOther(safeNext(next));
  const name = session?.username ?? hint;
  return signInPage(visitor, { providers, next, again: session !== null, name });
}
