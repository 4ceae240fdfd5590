import { Server, type sendUnaryData, setLogger } from '@grpc/grpc-js';
import { createServiceTokenVerifier } from '../auth/service-token';
import { authorityOf } from '../core/address';
import type { Runtime } from '../core/runtime';
import type { AnswerChallenge } from '../registry/address-proof';
import { addAddressProof } from './address-proof';
import { callersOf, checkCallers } from './callers';
import { type GrpcDefinition, methodDefinition, type RequestOf, type ResponseOf } from './definition';
import { addHealth } from './health';
import { observeServerCalls } from './metrics';
import { addReflection } from './reflection';
import { scopeOf } from './scope';
import {
  type AnyHandler,
  type AnyServerCall,
  handleCall,
  type IncomingCall,
  type ServerContext,
} from './server-call';
import { serverCredentials } from './tls';

/** Internal messages are ids and short texts; files are streamed. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const MAX_CALLS_PER_CONNECTION = 1_000;
/** How long running calls may take at shutdown; then their streams are reset. */
const DRAIN_MS = 10_000;

export type Handlers<Definition extends GrpcDefinition> = {
  readonly [Name in keyof Definition['methods']]: (
    request: RequestOf<Definition['methods'][Name]>,
    call: IncomingCall,
  ) => Promise<ResponseOf<Definition['methods'][Name]>> | ResponseOf<Definition['methods'][Name]>;
};

/** A definition with its handlers; created by `grpcService`. */
export interface GrpcService {
  readonly definition: GrpcDefinition;
  readonly handlers: ReadonlyMap<string, AnyHandler>;
}

/**
 * Combines a generated definition with its handlers. A handler returns the response or throws a `Problem`, which the
 * caller receives as the same problem.
 */
export function grpcService<Definition extends GrpcDefinition>(
  definition: Definition,
  handlers: Handlers<Definition>,
): GrpcService {
  return { definition, handlers: new Map<string, AnyHandler>(Object.entries(handlers)) };
}

/**
 * Serves gRPC until the runtime shuts down. Every call requires the service token of a process that the contract names as
 * a caller of the method, except for the standard health and
 * reflection services, which tools and orchestrators call without one, and the proof of the address. Where TLS is set up
 * between processes, every client needs a certificate as well.
 *
 * @param options.port when it is in use, a free one is picked; 0 always picks a free one
 * @param options.audience the name of this service
 * @param options.answerChallenge proves the port to the registry
 * @returns the port it listens on
 */
export async function startGrpcServer(
  runtime: Runtime,
  options: {
    host: string;
    port: number;
    services: readonly GrpcService[];
    audience: string;
    answerChallenge?: AnswerChallenge;
  },
): Promise<{ port: number }> {
  // By default the library logs to the console.
  setLogger({ error: (message: unknown) => runtime.log.warn(`gRPC: ${message}`) });
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_CALLS_PER_CONNECTION,
    'grpc.enable_channelz': 0,
  });
  const context: ServerContext = {
    log: runtime.log,
    observe: observeServerCalls(runtime),
    spans: runtime.spans,
    checkCaller: checkCallers(
      runtime,
      createServiceTokenVerifier({ audience: options.audience, identity: runtime.identity }),
    ),
  };
  for (const service of options.services) addService(server, service, context);
  const names = options.services.map((service) => service.definition.fullName);
  addHealth(server, runtime, names);
  addReflection(server, runtime.log, names);
  if (options.answerChallenge) addAddressProof(server, options.answerChallenge);
  const port = await bind(server, options, runtime);
  runtime.onClose('grpc', () => drain(server));
  runtime.log.info(`serving gRPC on ${authorityOf(options.host, port)}`);
  return { port };
}

function addService(server: Server, service: GrpcService, shared: ServerContext): void {
  for (const [name, method] of Object.entries(service.definition.methods)) {
    const handle = service.handlers.get(name);
    const { fullName } = service.definition;
    if (handle === undefined || method.responseStream)
      throw new Error(`${fullName}.${method.name} requires a handler, and must not stream its response`);
    const callers = callersOf(method);
    if (callers.size === 0) throw new Error(`${fullName}.${method.name} names no callers`);
    const scope = scopeOf(method);
    const context = { service: fullName, method, callers, scope, handle, ...shared };
    server.addService(
      { [name]: methodDefinition(service.definition, method) },
      {
        [name]: (call: AnyServerCall, callback: sendUnaryData<unknown>) =>
          void handleCall(context, call, callback),
      },
    );
  }
}

async function bind(
  server: Server,
  { host, port }: { host: string; port: number },
  { internalTls, log }: Runtime,
): Promise<number> {
  const credentials = serverCredentials(internalTls);
  const bindTo = (wanted: number) =>
    new Promise<number>((resolve, reject) => {
      server.bindAsync(authorityOf(host, wanted), credentials, (failure, bound) =>
        failure ? reject(failure) : resolve(bound),
      );
    });
  try {
    return await bindTo(port);
  } catch (failure) {
    if (port === 0) throw failure;
    log.info({ err: failure }, `port ${port} is in use; serving gRPC on another`);
    return bindTo(0);
  }
}

async function drain(server: Server): Promise<void> {
  const timer = setTimeout(() => server.forceShutdown(), DRAIN_MS);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(timer);
}
