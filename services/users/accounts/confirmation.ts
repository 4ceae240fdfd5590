import type { UsersDeps } from '../deps';

/** Three seconds in the queue of auth, and as much again for a machine under load. */
export const SIGN_IN_DEADLINE_MS = 8_000;

/** How callers confirm what cannot be undone: with a recent sign-in, or by repeating their password. */
export interface Confirmation {
  /** Where it is given instead of a recent sign-in. */
  readonly password: string | undefined;
  /** The caller's own. */
  readonly authorization: string | null;
  readonly signal: AbortSignal;
}

/** Has auth check the password of a confirmation, where there is one. @throws Problem `auth.wrong-password` of auth */
export async function confirmPassword(
  deps: Pick<UsersDeps, 'auth'>,
  { password, authorization, signal }: Confirmation,
): Promise<void> {
  if (password === undefined) return;
  await deps.auth.confirmPassword(
    { password },
    {
      onBehalfOf: { ...(authorization !== null && { authorization }) },
      deadlineMs: SIGN_IN_DEADLINE_MS,
      signal,
    },
  );
}

/** The confirmation of a request on a route with `recentSignIn: 'or-password'`. */
export const confirmationOf = (request: Request, password: string | undefined): Confirmation => ({
  password,
  authorization: request.headers.get('authorization'),
  signal: request.signal,
});
