import { ValidationFailed } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import type { AuthDeps } from '../../deps';
import { PasskeyRefused } from '../../passkeys/model';
import { secondFactorOptions } from '../../passkeys/sign-in';
import { PendingSignInExpired, SecondFactor, WrongSecondFactor } from '../../second-factors/model';
import { methodsOf } from '../../second-factors/pending';
import { completeSignIn, requirePending } from '../../second-factors/sign-in';
import { findFactors } from '../../second-factors/store';
import { AccountDeactivated, InvalidCredentials } from '../../sessions/model';
import { enter } from '../entering';
import { type Failure, failureOf, type Wording } from '../failures';
import { ACCOUNT, safeNext, seeOther, signInPath } from '../next';
import { parsePasskey } from '../passkeys/answer';
import type { Visitor } from '../visitor';
import type { SecondFactorForm } from './model';
import { secondFactorPage } from './page';
import { readPending } from './pending-cookie';

/** Shows the ways to go on with the sign-in of this browser; without one that waits it is time to begin again. */
export async function showSecondFactor(
  deps: AuthDeps,
  visitor: Visitor,
  { next, failure }: { next?: string; failure?: Failure },
): Promise<Response> {
  const token = readPending(visitor.browser);
  const pending = token === undefined ? undefined : await pendingOf(deps, token);
  if (pending === undefined) return seeOther(signInPath(next === undefined ? ACCOUNT : safeNext(next)));
  const methods = methodsOf(await findFactors(deps.database, pending.userId));
  const { address } = visitor.from.client;
  const passkey = methods.includes('passkey')
    ? await secondFactorOptions(deps, pending.userId, address)
    : undefined;
  return secondFactorPage(visitor, { next, methods, passkey, ...(failure !== undefined && { failure }) });
}

async function pendingOf(deps: AuthDeps, token: string) {
  try {
    return await requirePending(deps, token);
  } catch (failure) {
    if (failure instanceof PendingSignInExpired) return undefined;
    throw failure;
  }
}

/** Completes the sign-in with what was entered, or shows the page again. */
export async function answerByForm(
  deps: AuthDeps,
  visitor: Visitor,
  form: SecondFactorForm,
): Promise<Response> {
  const { next } = form;
  try {
    const input = validated(SecondFactor, { token: readPending(visitor.browser), ...factorIn(form) });
    return await enter(deps, visitor, await completeSignIn(deps, input, visitor.from), next);
  } catch (thrown) {
    if (thrown instanceof PendingSignInExpired) return showSecondFactor(deps, visitor, next ? { next } : {});
    const failure = failureOf(thrown, wordingOf(form), []);
    return showSecondFactor(deps, visitor, { ...(next !== undefined && { next }), failure });
  }
}

/** What was filled in: the form of a code where nothing was. */
function factorIn({ code = '', recovery_code = '', passkey = '' }: SecondFactorForm) {
  if (passkey !== '') return { passkey: parsePasskey(passkey) };
  if (recovery_code !== '') return { recovery_code: recovery_code.trim() };
  return { code: code.replaceAll(/\s/g, '') };
}

function wordingOf({ passkey = '', recovery_code = '' }: SecondFactorForm): Wording {
  const wrong =
    passkey !== ''
      ? { notice: 'The passkey was not accepted. Try again.' }
      : recovery_code !== ''
        ? { field: 'recovery_code', message: 'This is none of your unused recovery codes.' }
        : { field: 'code', message: 'This code is wrong, or it was used. Wait for the next one.' };
  return {
    [WrongSecondFactor.code]: wrong,
    [PasskeyRefused.code]: wrong,
    [ValidationFailed.code]: wrong,
    [AccountDeactivated.code]: { notice: 'This account is deactivated.' },
    [InvalidCredentials.code]: { notice: 'The password was changed. Sign in again.' },
  };
}
