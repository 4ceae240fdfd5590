import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { createDenylist } from '../auth/denylist';
import { followRevocations, revocationsFromAuth } from '../auth/revocations';
import {
  createTokenVerifier,
  type TokenEnvironment,
  type TokenVerifier,
  tokenSettings,
} from '../auth/tokens';
import { keysFromAuth } from '../auth/verification-keys';
import type { Runtime } from '../core/runtime';
import type { Rabbit } from '../messaging/rabbit/client';
import type { InstanceDirectory } from '../registry/instances';
import { createGrpcClient } from './client';

/**
 * Opens the access token verifier of a process: settings from the environment, keys, the list of revocations and
 * JWTs for opaque tokens from the auth service, and new revocations from its events. While auth or RabbitMQ is unavailable, the last known state holds.
 *
 * @param registry the registry client; provides the addresses of the auth service
 */
export function openTokenVerifier(
  runtime: Runtime,
  env: TokenEnvironment,
  registry: Parameters<typeof keysFromAuth>[1] & InstanceDirectory,
  rabbit: Rabbit,
): TokenVerifier {
  const auth = createGrpcClient(runtime, {
    service: 'auth',
    definition: AuthServiceDefinition,
    registry,
  });
  const load = revocationsFromAuth(registry, () => auth.listRevocations({}));
  const isRevoked = followRevocations(runtime, rabbit, createDenylist(), load);
  return createTokenVerifier(tokenSettings(env), keysFromAuth(runtime, registry), isRevoked, {
    operatorsSignInAgain: runtime.production,
    operatorsNeedSecondFactor: env.OPERATORS_NEED_SECOND_FACTOR ?? runtime.production,
    exchange: async (token) => (await auth.exchangeAppToken({ token })).access_token ?? null,
    metrics: runtime.metrics,
  });
}
