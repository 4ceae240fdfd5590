import { createGrpcClient, type GrpcClient } from './grpc-client';
import type { GrpcDefinition } from './grpc-definition';
import { startProcess } from './process';
import { openRabbit, type Rabbit } from './rabbit';
import { type RegistryClient, watchRegistry } from './registry-client';
import type { Runtime } from './runtime';
import { openTokens, type TokenVerifier } from './tokens';

type ProcessEnvironment = Parameters<typeof startProcess>[1];
type TokenEnvironment = Parameters<typeof openTokens>[1];

/** What every service stands on besides its own data. */
export interface ServiceProcess {
  readonly runtime: Runtime;
  readonly registry: RegistryClient;
  readonly rabbit: Rabbit;
  readonly tokens: TokenVerifier;
  /**
   * The methods of another service as functions (`kit/grpc-client`).
   *
   * @param deadlineMs for calls that set none
   */
  clientOf<Definition extends GrpcDefinition>(
    service: string,
    definition: Definition,
    options?: { deadlineMs?: number },
  ): GrpcClient<Definition>;
}

/**
 * Begins the process of a service: its runtime, the registry's live view, RabbitMQ, and the check of access tokens,
 * which hears of what auth revokes. Returns at once, whatever is away; each mends itself.
 *
 * @param name as in the Procfile and the registry
 */
export async function startService(
  name: string,
  env: ProcessEnvironment &
    TokenEnvironment & {
      readonly REGISTRY_URL: readonly string[];
      readonly AMQP_URL: string;
      readonly INTERNAL_SECRET: string;
    },
): Promise<ServiceProcess> {
  const runtime = await startProcess(name, env);
  const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
  const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
  const internalSecret = env.INTERNAL_SECRET;
  return {
    runtime,
    registry,
    rabbit,
    tokens: openTokens(runtime, env, registry, { rabbit, internalSecret }),
    clientOf: (service, definition, options = {}) =>
      createGrpcClient(runtime, { service, definition, registry, internalSecret, ...options }),
  };
}
