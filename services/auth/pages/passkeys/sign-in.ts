import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import type { AuthDeps } from '../../deps';
import { PasskeyRefused, PasskeySignIn } from '../../passkeys/model';
import { signInWithPasskey } from '../../passkeys/sign-in';
import { AccountDeactivated } from '../../sessions/model';
import { enter } from '../entering';
import { failureOf, type Wording } from '../failures';
import { signInPage } from '../sign-in/page';
import type { Visitor } from '../visitor';
import { parsePasskey } from './answer';
import type { PasskeySignInForm } from './model';

const REFUSED = { notice: 'The passkey was not accepted. Sign in in another way, or try again.' };
const WORDING: Wording = {
  [PasskeyRefused.code]: REFUSED,
  [ValidationFailed.code]: REFUSED,
  [AccountDeactivated.code]: { notice: 'This account is deactivated.' },
};

/** Signs the visitor in with a passkey alone, or shows the page to sign in on again. */
export async function signInByPasskey(
  deps: AuthDeps,
  visitor: Visitor,
  { passkey, next }: PasskeySignInForm,
): Promise<Response> {
  try {
    const input = validated(PasskeySignIn, { passkey: parsePasskey(passkey) });
    return await enter(deps, visitor, await signInWithPasskey(deps, input.passkey, visitor.from), next);
  } catch (thrown) {
    const failure = failureOf(thrown, WORDING, []);
    const { providers } = deps;
    return signInPage(visitor, { providers, next, again: visitor.session !== null, failure });
  }
}
