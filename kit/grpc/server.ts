import { Server, ServerCredentials, type sendUnaryData, setLogger } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { createServiceTokenVerifier } from '../auth/service-token';
import type { Runtime } from '../core/runtime';
import { type GrpcDefinition, methodDefinition, type RequestOf, type ResponseOf } from './definition';
import { addHealth } from './health';
import { observeAnswered } from './metrics';
import { addReflection } from './reflection';
import {
  type Answering,
  type AnyHandler,
  type AnyServerCall,
  answerCall,
  type IncomingCall,
} from './server-call';

/** An internal message is ids and short texts; files never travel this way whole. */
const MESSAGE_BYTES = 4 * 1024 * 1024;
/** Bounds what one caller's connection can have running here at once. */
const CALLS_PER_CONNECTION = 1_000;
/** Running calls may finish for this long at the end; then their streams are cut. */
const DRAIN_MS = 10_000;

export type Handlers<Definition extends GrpcDefinition> = {
  readonly [Name in keyof Definition['methods']]: (
    request: RequestOf<Definition['methods'][Name]>,
    call: IncomingCall,
  ) => Promise<ResponseOf<Definition['methods'][Name]>> | ResponseOf<Definition['methods'][Name]>;
};

/** A definition with the functions that fulfil it; made by `grpcService`. */
export interface GrpcService {
  readonly definition: GrpcDefinition;
  readonly handlers: ReadonlyMap<string, AnyHandler>;
}

/**
 * Joins a generated definition with its handlers.
 * A handler returns the response, or throws a `Problem`, which reaches the caller as the same problem.
 */
export function grpcService<Definition extends GrpcDefinition>(
  definition: Definition,
  handlers: Handlers<Definition>,
): GrpcService {
  return { definition, handlers: new Map<string, AnyHandler>(Object.entries(handlers)) };
}

/**
 * Answers gRPC until the runtime closes. Every call needs a service token, save the standard health and
 * reflection services, which tools and orchestrators ask without one.
 *
 * @param port a free one is taken when this one is not; 0 always takes a free one
 * @param internalSecret INTERNAL_SECRET, from which service tokens are signed
 * @param audience the name of this service, as callers know it
 * @returns the port it listens on
 */
export async function startGrpcServer(
  runtime: Runtime,
  options: {
    host: string;
    port: number;
    services: readonly GrpcService[];
    internalSecret: string;
    audience: string;
  },
): Promise<{ port: number }> {
  // The library writes to the console otherwise.
  setLogger({ error: (message: unknown) => runtime.log.warn(`gRPC: ${message}`) });
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES,
    'grpc.max_send_message_length': MESSAGE_BYTES,
    'grpc.max_concurrent_streams': CALLS_PER_CONNECTION,
  });
  const answering: Answering = {
    log: runtime.log,
    observe: observeAnswered(runtime),
    spans: runtime.spans,
    verify: createServiceTokenVerifier({ audience: options.audience, secret: options.internalSecret }),
  };
  for (const service of options.services) addService(server, service, answering);
  const names = options.services.map((service) => service.definition.fullName);
  addHealth(server, runtime, names);
  addReflection(server, runtime.log, names);
  const port = await bind(server, options.host, options.port, runtime.log);
  runtime.onClose('grpc', () => drain(server));
  runtime.log.info(`answering gRPC on ${options.host}:${port}`);
  return { port };
}

function addService(server: Server, service: GrpcService, answering: Answering): void {
  for (const [name, method] of Object.entries(service.definition.methods)) {
    const handle = service.handlers.get(name);
    const { fullName } = service.definition;
    if (handle === undefined || method.responseStream)
      throw new Error(`${fullName}.${method.name} needs a handler, and may not answer with a stream`);
    const answered = { service: fullName, method, handle, ...answering };
    server.addService(
      { [name]: methodDefinition(service.definition, method) },
      {
        [name]: (call: AnyServerCall, callback: sendUnaryData<unknown>) =>
          void answerCall(answered, call, callback),
      },
    );
  }
}

async function bind(server: Server, host: string, port: number, log: Logger): Promise<number> {
  try {
    return await bindTo(server, host, port);
  } catch (failure) {
    if (port === 0) throw failure;
    log.info({ err: failure }, `port ${port} is not free for gRPC: taking another`);
    return bindTo(server, host, 0);
  }
}

function bindTo(server: Server, host: string, port: number): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (failure, bound) =>
      failure ? reject(failure) : resolve(bound),
    );
  });
}

async function drain(server: Server): Promise<void> {
  const cut = setTimeout(() => server.forceShutdown(), DRAIN_MS);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(cut);
}
