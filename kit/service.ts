import type { AnyElysia } from 'elysia';
import type { TokenEnvironment, TokenVerifier } from './auth/tokens';
import { sleep } from './core/back-off';
import type { Runtime } from './core/runtime';
import { createGrpcClient, type GrpcClient } from './grpc/client';
import type { GrpcDefinition } from './grpc/definition';
import { type GrpcService, startGrpcServer } from './grpc/server';
import { openTokenVerifier } from './grpc/token-verifier';
import { routeClaims } from './http/route-claims';
import { serveHttp } from './http/server';
import { openRabbit, type Rabbit } from './messaging/rabbit/client';
import { startProcess } from './process';
import { type RegistryClient, watchRegistry } from './registry/client';
import { registerInstance } from './registry/lease';

type ProcessEnvironment = Parameters<typeof startProcess>[1];

/** What every service stands on besides its own data. */
export interface ServiceProcess {
  readonly runtime: Runtime;
  readonly registry: RegistryClient;
  readonly rabbit: Rabbit;
  readonly tokens: TokenVerifier;
  /**
   * The methods of another service as functions (`kit/grpc/client`).
   *
   * @param deadlineMs for calls that set none
   */
  grpcClient<Definition extends GrpcDefinition>(
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
    tokens: openTokenVerifier(runtime, env, registry, { rabbit, internalSecret }),
    grpcClient: (service, definition, options = {}) =>
      createGrpcClient(runtime, { service, definition, registry, internalSecret, ...options }),
  };
}

/** Gateways let go of a leaving instance within milliseconds; for their longest requests they may take so long. */
const DRAIN_MS = 10_000;
/**
 * Where no gateway could say that it has let go: by then every gateway has heard from the registry, and what was
 * already on its way has arrived.
 */
const LEAVE_GRACE_MS = 500;
/** Other services, which call over gRPC, heard of it in the same moment as the gateways, but are not waited for. */
const CALLERS_GRACE_MS = 100;

/** gRPC listens this far above HTTP where that port is free. */
const GRPC_PORT_OFFSET = 50;

export interface ServiceEnvironment {
  readonly HOST: string;
  readonly PORT: number;
  readonly ADVERTISED_HOST: string | undefined;
  readonly REGISTRY_URL: readonly string[];
  readonly REGISTRY_TOKEN: string | undefined;
  readonly INTERNAL_SECRET: string;
  readonly SHUTDOWN_TIMEOUT_MS: number;
}

export interface ServiceParts {
  readonly app: AnyElysia;
  readonly grpc?: readonly GrpcService[];
  /** Prefixes the gateway strips, besides the service's own name. */
  readonly aliases?: readonly string[];
  readonly bodyBytes?: number;
  /** Ends what would not end by itself, like WebSockets, once the gateways send nobody here any more. */
  readonly drain?: () => Promise<void>;
}

/**
 * Puts a service on the network: listens, answers gRPC, registers with its routes, keeps its lease, and at the end
 * leaves in the order that loses no request: out of the registry first, where the gateways say that they have let go,
 * then the running requests, then the doors.
 *
 * @returns the port it listens on
 */
export async function serveService(
  runtime: Runtime,
  env: ServiceEnvironment,
  parts: ServiceParts,
): Promise<{ port: number }> {
  const routes = routeClaims(parts.app);
  const http = serveHttp(runtime, parts.app, {
    hostname: env.HOST,
    port: env.PORT,
    insist: false,
    ...(parts.bodyBytes !== undefined && { bodyBytes: parts.bodyBytes }),
  });
  runtime.onClose('http', () => http.stop(env.SHUTDOWN_TIMEOUT_MS));
  if (parts.drain) runtime.onClose('connections', parts.drain);
  const grpc = parts.grpc
    ? await startGrpcServer(runtime, {
        host: env.HOST,
        port: http.port + GRPC_PORT_OFFSET,
        services: parts.grpc,
        internalSecret: env.INTERNAL_SECRET,
        audience: runtime.name,
      })
    : undefined;
  const lease = registerInstance(runtime, {
    urls: env.REGISTRY_URL,
    token: env.REGISTRY_TOKEN,
    registration: {
      name: runtime.name,
      version: runtime.version,
      host: env.ADVERTISED_HOST ?? env.HOST,
      port: http.port,
      ...(grpc && { grpc_port: grpc.port }),
      routes,
      prefixes: [runtime.name, ...(parts.aliases ?? [])],
    },
  });
  runtime.onClose('registration', async () => {
    const drained = await lease.deregister(Math.min(DRAIN_MS, env.SHUTDOWN_TIMEOUT_MS));
    if (!drained) await sleep(LEAVE_GRACE_MS);
    else if (grpc) await sleep(CALLERS_GRACE_MS);
  });
  runtime.log.info(`listening on http://${env.HOST}:${http.port}`);
  return { port: http.port };
}
