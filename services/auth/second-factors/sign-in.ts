import { ValidationFailed } from '#kit/errors/problem';
import { networkOf } from '#kit/http/network';
import { findByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import { assertSecondFactor } from '../passkeys/sign-in';
import { hashOf } from '../secrets';
import type { Requester } from '../sessions/cookies';
import { type Entered, startSession } from '../sessions/sign-in';
import { listAddresses } from '../sessions/store';
import { PendingSignInExpired, type SecondFactor, WrongSecondFactor } from './model';
import { withSecondFactor } from './rules';
import { useRecoveryCode } from './service';
import * as store from './store';
import { useCode } from './totp';

/**
 * Completes a pending sign-in with a second factor. Wrong answers count for the pending sign-in, and codes of apps for the
 * person too: recovery codes and passkeys are too many to guess, so that they always remain a way in for the owner.
 *
 * @throws PendingSignInExpired also after too many answers
 * @throws WrongSecondFactor
 * @throws TooManyAttempts
 * @throws InvalidCredentials if the password was changed in the meantime
 * @throws AccountDeactivated
 */
export async function completeSignIn(deps: AuthDeps, input: SecondFactor, from: Requester): Promise<Entered> {
  requireOne(input);
  const pending = await requirePending(deps, input.token);
  if (!(await deps.factorThrottle.takeAnswer(pending.hash))) {
    await store.deletePending(deps.database, pending.hash);
    throw new PendingSignInExpired();
  }
  const shown = await check(deps, pending.userId, { answer: input, from });
  if (!(await store.deletePending(deps.database, pending.hash))) throw new PendingSignInExpired();
  const person = await findByUserId(deps.database, pending.userId);
  if (person?.username == null) throw new PendingSignInExpired();
  return startSession(
    deps,
    { userId: pending.userId, username: person.username },
    { from, verifiedHash: pending.verifiedHash, methods: withSecondFactor(pending.methods, shown) },
  );
}

/** The pending sign-in of a token. @throws PendingSignInExpired */
export async function requirePending(deps: AuthDeps, token: string): Promise<store.PendingRow> {
  const pending = await store.findPending(deps.database, hashOf(token), new Date(deps.now()));
  if (pending === undefined) throw new PendingSignInExpired({ detail: 'Sign in with your password again.' });
  return pending;
}

type Answer = Pick<SecondFactor, 'code' | 'recovery_code' | 'passkey'>;

function requireOne({ code, recovery_code, passkey }: Answer): void {
  if ([code, recovery_code, passkey].filter((one) => one !== undefined).length !== 1)
    throw new ValidationFailed({
      errors: [{ field: 'code', message: 'Exactly one of code, recovery_code and passkey' }],
    });
}

/** @returns the methods that were shown. @throws WrongSecondFactor */
async function check(
  deps: AuthDeps,
  userId: string,
  { answer, from }: { answer: Answer; from: Requester },
): Promise<readonly string[]> {
  const { code, recovery_code, passkey } = answer;
  if (passkey !== undefined) return assertSecondFactor(deps, userId, passkey);
  if (recovery_code !== undefined) await useRecoveryCode(deps, userId, recovery_code);
  if (code !== undefined) await checkCode(deps, userId, { code, from });
  return ['otp'];
}

async function checkCode(
  deps: AuthDeps,
  userId: string,
  { code, from }: { code: string; from: Requester },
): Promise<void> {
  const counted = await deps.factorThrottle.takeCode({
    userId,
    address: from.client.address,
    device: from.device,
    isKnownNetwork: async (network) =>
      (await listAddresses(deps.database, userId)).some((address) => networkOf(address) === network),
  });
  if (!(await useCode(deps, userId, code))) throw new WrongSecondFactor();
  await counted.succeeded();
}
