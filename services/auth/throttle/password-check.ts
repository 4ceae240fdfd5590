import type { PasswordCheck } from '#kit/auth/passwords';
import { type RequestLifetime, requireWaiting, type Turn } from '#kit/core/queues/work-queue';
import type { Admission, AuthDeps } from '../deps';

/**
 * Checks a password that somebody typed, within the limits of wrong ones. The limits are asked twice: early, so that a
 * refused attempt takes no place in the queue, and again when it is its turn, so that many attempts at once are not more
 * guesses than one after another. Only a wrong password counts: one that is still being checked does not.
 *
 * @param admit asks the limits: `deps.throttle.admit` or `admitSession`
 * @param hash null where there is no account: that takes the same time
 * @param lifetime an attempt that nobody waits for any more is not begun, and not counted
 * @param release gives back the place that was reserved for the lookups, now that the attempt takes its own
 * @throws TooManyAttempts
 * @throws ServiceOverloaded when it could not be checked in time, or nobody waits for it any more
 */
export async function checkPassword(
  deps: Pick<AuthDeps, 'passwords' | 'passwordTurns'>,
  admit: () => Promise<Admission>,
  typed: { password: string; hash: string | null; lifetime: RequestLifetime; release: () => void },
): Promise<PasswordCheck> {
  const { password, hash, lifetime, release } = typed;
  const { queue, isRecognized } = await admit();
  release();
  const turn: Turn = { ...lifetime, key: queue, preferred: isRecognized };
  return deps.passwordTurns.run(async () => {
    const admission = await admit();
    const check = await deps.passwords.verify(password, hash, turn);
    requireWaiting(lifetime);
    await (check.matches ? admission.succeeded() : admission.failed());
    return check;
  }, turn);
}
