import { findByUserId } from '../credentials/store';
import type { AuthDeps } from '../deps';
import { withSecondFactor } from '../second-factors/rules';
import { hashOf } from '../secrets';
import type { Requester } from '../sessions/cookies';
import { type Entered, startSession } from '../sessions/sign-in';
import { CHALLENGE_MS, createChallenge, type Occasion } from './challenges';
import { type AssertedPasskey, PasskeyRefused, type RequestOptions } from './model';
import { relyingPartyOf } from './relying-party';
import { descriptorOf, listAll, userHandleOf } from './service';
import * as store from './store';
import { verifyAssertion } from './verification';

/** Of an instance of nobody. */
const ANYBODY: Occasion = { purpose: 'sign-in', userId: null };

/**
 * What a browser needs to ask for a passkey that signs in alone, whosever it is.
 *
 * @throws TooManyAttempts by the requester's network
 */
export async function signInOptions(deps: AuthDeps, address: string): Promise<RequestOptions> {
  await deps.factorThrottle.takeChallenge(address);
  return {
    ...(await requestOptions(deps, ANYBODY)),
    allowCredentials: [],
    userVerification: 'required',
  };
}

/** What a browser needs to ask for one of a person's passkeys, after the password. @throws TooManyAttempts */
export async function secondFactorOptions(
  deps: AuthDeps,
  userId: string,
  address: string,
): Promise<RequestOptions> {
  await deps.factorThrottle.takeChallenge(address);
  return {
    ...(await requestOptions(deps, { purpose: 'second-factor', userId })),
    allowCredentials: (await listAll(deps.database, userId)).map(descriptorOf),
    userVerification: 'preferred',
  };
}

const requestOptions = async (deps: AuthDeps, occasion: Occasion) => ({
  rpId: relyingPartyOf(deps.publicUrl).id,
  challenge: await createChallenge(deps, occasion),
  timeout: CHALLENGE_MS,
});

/**
 * Signs in with a passkey alone. It has verified its user, by a finger or a PIN, and so shows two factors at once.
 *
 * @throws PasskeyRefused for an unknown passkey and for a wrong answer alike
 * @throws AccountDeactivated
 */
export async function signInWithPasskey(
  deps: AuthDeps,
  asserted: AssertedPasskey,
  from: Requester,
): Promise<Entered> {
  const passkey = await store.findByCredential(deps.database, hashOf(asserted.id));
  if (passkey === undefined || asserted.response.userHandle !== userHandleOf(passkey.userId))
    throw new PasskeyRefused();
  const shown = await use(deps, asserted, { passkey, occasion: ANYBODY });
  const person = await findByUserId(deps.database, passkey.userId);
  if (person?.username == null) throw new PasskeyRefused();
  return startSession(
    deps,
    { userId: passkey.userId, username: person.username },
    { from, verifiedHash: null, methods: withSecondFactor([], shown) },
  );
}

/** Checks the answer of one of a person's passkeys. @returns the methods that it has shown. @throws PasskeyRefused */
export async function assertSecondFactor(
  deps: AuthDeps,
  userId: string,
  asserted: AssertedPasskey,
): Promise<readonly string[]> {
  const passkey = await store.findByCredential(deps.database, hashOf(asserted.id));
  if (passkey?.userId !== userId) throw new PasskeyRefused();
  return use(deps, asserted, { passkey, occasion: { purpose: 'second-factor', userId } });
}

/** RFC 8176: a key in hardware, or one that software keeps; and a user who was there. */
async function use(
  deps: AuthDeps,
  asserted: AssertedPasskey,
  { passkey, occasion }: { passkey: store.PasskeyRow; occasion: Occasion },
): Promise<readonly string[]> {
  const { counter, backedUp } = await verifyAssertion(deps, asserted, { passkey, occasion });
  const recorded = await store.recordUse(deps.database, passkey, {
    counter,
    backedUp,
    lastUsedAt: new Date(deps.now()),
  });
  if (!recorded) throw new PasskeyRefused();
  return [backedUp ? 'swk' : 'hwk', 'user'];
}
