import type { AnyElysia } from 'elysia';
import { createServiceTokenVerifier } from './auth/service-token';
import type { TokenEnvironment, TokenVerifier } from './auth/tokens';
import { instanceUrl } from './core/address';
import { sleep } from './core/back-off';
import type { Runtime } from './core/runtime';
import { createGrpcClient, type GrpcClient } from './grpc/client';
import type { GrpcDefinition } from './grpc/definition';
import { type GrpcService, startGrpcServer } from './grpc/server';
import { openTokenVerifier } from './grpc/token-verifier';
import { createGatewayRecognition } from './http/forwarding/gateway-token';
import { routeClaims } from './http/route-claims';
import { serveHttp } from './http/server';
import { stayWarm, type WarmUpRequest, warmUp } from './http/warm-up/warm-up';
import { openRabbit, type Rabbit } from './messaging/rabbit/client';
import { startProcess } from './process';
import { type RegistryClient, watchRegistry } from './registry/client';
import { ownCredential } from './registry/credential';
import { type InstanceLease, registerInstance } from './registry/lease';

type ProcessEnvironment = Parameters<typeof startProcess>[1];

/** The shared resources of a service process. */
export interface ServiceProcess {
  readonly runtime: Runtime;
  readonly registry: RegistryClient;
  readonly rabbit: Rabbit;
  readonly tokens: TokenVerifier;
  /**
   * A gRPC client of another service (`kit/grpc/client`).
   *
   * @param options.deadlineMs for calls that set no deadline
   */
  grpcClient<Definition extends GrpcDefinition>(
    service: string,
    definition: Definition,
    options?: { deadlineMs?: number },
  ): GrpcClient<Definition>;
}

/**
 * Starts the process of a service: runtime, registry view, RabbitMQ, and the verifier of access tokens, which follows
 * revocations. Returns immediately, whatever is unavailable; connections are retried in the background.
 *
 * @param name as in the Procfile and the registry
 */
export async function startService(
  name: string,
  env: ProcessEnvironment &
    TokenEnvironment & {
      readonly REGISTRY_URL: readonly string[];
      readonly AMQP_URL: readonly string[];
    },
): Promise<ServiceProcess> {
  const runtime = await startProcess(name, env);
  const registry = watchRegistry(runtime, { urls: env.REGISTRY_URL });
  const rabbit = openRabbit(runtime, { urls: env.AMQP_URL, required: false });
  return {
    runtime,
    registry,
    rabbit,
    tokens: openTokenVerifier(runtime, env, registry, rabbit),
    grpcClient: (service, definition, options = {}) =>
      createGrpcClient(runtime, { service, definition, registry, ...options }),
  };
}

/** Gateways drain an instance within milliseconds; their longest requests may take this long. */
const DRAIN_MS = 10_000;
/** Without an acknowledgement: by then every gateway has the change, and requests in flight have arrived. */
const UNACKNOWLEDGED_GRACE_MS = 500;
/** Other services, which call over gRPC, receive the change at the same time as the gateways, but do not acknowledge it. */
const CALLERS_GRACE_MS = 100;

/** The gRPC port is the HTTP port plus this, when that is free. */
const GRPC_PORT_OFFSET = 50;

export interface ServiceEnvironment {
  readonly HOST: string;
  readonly PORT: number;
  readonly ADVERTISED_HOST: string | undefined;
  readonly REGISTRY_URL: readonly string[];
  readonly REGISTRY_CREDENTIAL: string | undefined;
  readonly REGISTRY_TOKEN: string;
  readonly SHUTDOWN_TIMEOUT_MS: number;
}

export interface ServiceParts {
  readonly app: AnyElysia;
  readonly grpc?: readonly GrpcService[];
  /** Route prefixes of the service, besides its name. */
  readonly aliases?: readonly string[];
  /** Its hot reads: made before it is reachable, and every few seconds from then on (`kit/http/warm-up`). */
  readonly warmUp?: readonly WarmUpRequest[];
  /** Closes long-lived connections, like WebSockets, once the gateways have drained this instance. */
  readonly drain?: () => Promise<void>;
}

/**
 * Serves HTTP and gRPC, and registers the service with its routes. Shuts down without losing a request: deregisters and
 * waits for the gateways to drain it, then finishes running requests, then closes the ports.
 *
 * @returns the port it listens on
 */
export async function serveService(
  runtime: Runtime,
  env: ServiceEnvironment,
  parts: ServiceParts,
): Promise<{ port: number }> {
  const routes = routeClaims(parts.app);
  const hotReads = parts.warmUp ?? [];
  await warmUp(runtime, parts.app, hotReads);
  const isTls = runtime.internalTls !== null;
  let lease: InstanceLease | undefined;
  const answerChallenge = async (instanceId: string, challenge: string) =>
    lease ? lease.answerChallenge(instanceId, challenge) : null;
  const http = serveHttp(runtime, parts.app, {
    hostname: env.HOST,
    port: env.PORT,
    strictPort: false,
    answerChallenge,
    recognizeGateway: createGatewayRecognition(
      createServiceTokenVerifier({ audience: runtime.name, identity: runtime.identity }),
    ),
  });
  runtime.onClose('http', () => http.stop(env.SHUTDOWN_TIMEOUT_MS));
  stayWarm(runtime, parts.app, hotReads);
  if (parts.drain) runtime.onClose('connections', parts.drain);
  const grpc = parts.grpc
    ? await startGrpcServer(runtime, {
        host: env.HOST,
        port: http.port + GRPC_PORT_OFFSET,
        services: parts.grpc,
        audience: runtime.name,
        answerChallenge,
      })
    : undefined;
  const registered = registerInstance(runtime, {
    urls: env.REGISTRY_URL,
    credential: ownCredential(env, runtime.name),
    registration: {
      name: runtime.name,
      version: runtime.version,
      host: env.ADVERTISED_HOST ?? env.HOST,
      port: http.port,
      ...(grpc && { grpc_port: grpc.port }),
      ...(isTls && { tls: true }),
      routes,
      prefixes: [runtime.name, ...(parts.aliases ?? [])],
      // The rules of the routes are enforced by `kit/http/access`.
      auth_by: 'service',
    },
  });
  lease = registered;
  runtime.onClose('registration', async () => {
    const drained = await registered.deregister(Math.min(DRAIN_MS, env.SHUTDOWN_TIMEOUT_MS));
    if (!drained) await sleep(UNACKNOWLEDGED_GRACE_MS);
    else if (grpc) await sleep(CALLERS_GRACE_MS);
  });
  runtime.log.info(`listening on ${instanceUrl({ host: env.HOST, port: http.port, tls: isTls })}`);
  return { port: http.port };
}
