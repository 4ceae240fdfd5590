import { createDenylist } from '#kit/auth/denylist';
import { followRevocations } from '#kit/auth/revocations';
import { createTokenVerifier, type VerifierOptions } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import type { AuthDeps } from '../deps';
import { listRevocations } from './revocations';

/**
 * The token verifier of the auth service itself, which reads keys and revocations from its own database instead of
 * over the network like every other service.
 *
 * @param options.exchange asks the database as well
 */
export function openOwnVerifier(
  runtime: Runtime,
  rabbit: Rabbit,
  own: Pick<AuthDeps, 'database' | 'settings' | 'keys' | 'now'>,
  options: Pick<VerifierOptions, 'operatorsNeedSecondFactor' | 'exchange'>,
): Pick<AuthDeps, 'denylist' | 'tokens'> {
  const denylist = createDenylist();
  const isRevoked = followRevocations(runtime, rabbit, denylist, () => listRevocations(own));
  return {
    denylist,
    tokens: createTokenVerifier(own.settings, async () => own.keys.publicKeys(), isRevoked, {
      operatorsSignInAgain: runtime.production,
      metrics: runtime.metrics,
      ...options,
    }),
  };
}
