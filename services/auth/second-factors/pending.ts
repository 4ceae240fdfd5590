import { Value } from '@sinclair/typebox/value';
import { Problem } from '#kit/errors/problem';
import type { AuthDeps } from '../deps';
import { hashOf, newSecret } from '../secrets';
import { PendingSignIn, SecondFactorRequired } from './model';
import { PENDING_SIGN_IN_MS } from './rules';
import * as store from './store';

/**
 * Begins a pending sign-in of somebody who has shown the first factor, and says how to go on.
 *
 * @returns the problem to throw; its client holds the only copy of the token
 */
export async function secondFactorRequired(
  deps: Pick<AuthDeps, 'database' | 'now'>,
  userId: string,
  shown: { methods: readonly string[] | null; verifiedHash: string | null; factors: store.Factors },
): Promise<Problem> {
  const token = newSecret();
  await store.insertPending(deps.database, {
    hash: hashOf(token),
    userId,
    methods: [...(shown.methods ?? [])],
    verifiedHash: shown.verifiedHash,
    expiresAt: new Date(deps.now() + PENDING_SIGN_IN_MS),
  });
  const pending: PendingSignIn = {
    token,
    methods: methodsOf(shown.factors),
    expires_in: PENDING_SIGN_IN_MS / 1_000,
  };
  return new SecondFactorRequired({
    detail: 'Send the token of second_factor with one of its methods to POST /auth/second-factor.',
    members: { second_factor: pending },
  });
}

/** How a pending sign-in of a person with these factors is completed. */
export const methodsOf = ({
  totpSince,
  passkeys,
  recoveryCodes,
}: store.Factors): PendingSignIn['methods'] => [
  ...(totpSince === null ? [] : (['totp'] as const)),
  ...(passkeys === 0 ? [] : (['passkey'] as const)),
  ...(recoveryCodes === 0 ? [] : (['recovery_code'] as const)),
];

/** The pending sign-in that a failed one has begun, if it has. */
export function pendingIn(failure: unknown): PendingSignIn | undefined {
  if (!(failure instanceof Problem) || failure.code !== SecondFactorRequired.code) return undefined;
  const pending = failure.members?.second_factor;
  return Value.Check(PendingSignIn, pending) ? pending : undefined;
}
