import { validated } from '#kit/errors/validation';
import type { AuthDeps } from '../../deps';
import { Registration } from '../../sessions/model';
import { register } from '../../sessions/sign-in';
import { enter } from '../entering';
import { failureOf, type Wording } from '../failures';
import type { Visitor } from '../visitor';
import type { SignUpForm } from './model';
import { signUpPage } from './page';

/** Problems of users, which registers people. */
const WORDING: Wording = {
  'user.username-taken': { field: 'username', message: 'This username is taken.' },
  'user.username-reserved': { field: 'username', message: 'This username is not available.' },
  'user.email-taken': { field: 'email', message: 'This address belongs to another account.' },
  'registration.closed': { notice: 'New accounts cannot be created at the moment.' },
};
const FIELDS = ['username', 'email', 'password'];

/** Registers and signs in the visitor by what was typed, or shows the form again. */
export async function signUpByForm(
  deps: AuthDeps,
  visitor: Visitor,
  { username, email, password, next }: SignUpForm,
): Promise<Response> {
  const typed = { username: username.trim(), email: email.trim() };
  try {
    const input = validated(Registration, { ...typed, password });
    return await enter(deps, visitor, await register(deps, input, visitor.from), next);
  } catch (thrown) {
    return signUpPage(visitor, { next, ...typed, failure: failureOf(thrown, WORDING, FIELDS) });
  }
}
