import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  setLogger,
  status,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import {
  type GrpcDefinition,
  type GrpcMethod,
  methodDefinition,
  type RequestOf,
  type ResponseOf,
} from './grpc-definition';
import { addHealth } from './grpc-health';
import { type ObserveCall, observeAnswered } from './grpc-metrics';
import { addReflection } from './grpc-reflection';
import { DependencyTimedOut, statusFromProblem } from './grpc-status';
import { InternalError, Problem } from './problem';
import type { Runtime } from './runtime';
import { createServiceTokenVerifier } from './service-token';
import { continueTrace, type Trace, withTrace } from './trace';

/** An internal message is ids and short texts; files never travel this way whole. */
const MESSAGE_BYTES = 4 * 1024 * 1024;
/** Bounds what one caller's connection can have running here at once. */
const CALLS_PER_CONNECTION = 1_000;
/** For callers that set no deadline of their own. */
const LONGEST_CALL_MS = 30_000;
/** Running calls may finish for this long at the end; then their streams are cut. */
const DRAIN_MS = 10_000;

/** What a handler knows of the call besides its request. Pass it on to the clients it uses. */
export interface IncomingCall extends Trace {
  /** The calling service, as its token says. */
  readonly caller: string;
  /** Milliseconds since 1970 after which nobody waits for the answer. */
  readonly deadline: number;
  /** Aborts when the deadline has passed or the caller has gone. */
  readonly signal: AbortSignal;
  /** One value of the call's metadata. */
  readonly metadata: (name: string) => string | undefined;
}

export type Handlers<Definition extends GrpcDefinition> = {
  readonly [Name in keyof Definition['methods']]: (
    request: RequestOf<Definition['methods'][Name]>,
    call: IncomingCall,
  ) => Promise<ResponseOf<Definition['methods'][Name]>> | ResponseOf<Definition['methods'][Name]>;
};

interface AnyHandler {
  handle(request: unknown, call: IncomingCall): unknown;
}

/** A definition with the functions that fulfil it; made by `grpcService`. */
export interface GrpcService {
  readonly definition: GrpcDefinition;
  readonly handlers: ReadonlyMap<string, AnyHandler['handle']>;
}

/**
 * Joins a generated definition with its handlers.
 * A handler returns the response, or throws a `Problem`, which reaches the caller as the same problem.
 */
export function grpcService<Definition extends GrpcDefinition>(
  definition: Definition,
  handlers: Handlers<Definition>,
): GrpcService {
  return { definition, handlers: new Map<string, AnyHandler['handle']>(Object.entries(handlers)) };
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
    verify: createServiceTokenVerifier({ audience: options.audience, secret: options.internalSecret }),
  };
  for (const service of options.services) addService(server, service, answering);
  const names = options.services.map((service) => service.definition.fullName);
  addHealth(server, runtime, names);
  addReflection(server, names);
  const port = await bind(server, options.host, options.port, runtime.log);
  runtime.onClose('grpc', () => drain(server));
  runtime.log.info(`answering gRPC on ${options.host}:${port}`);
  return { port };
}

interface Answering {
  readonly log: Logger;
  readonly observe: ObserveCall;
  readonly verify: (token: string | undefined) => Promise<string>;
}

function addService(server: Server, service: GrpcService, answering: Answering): void {
  for (const [name, method] of Object.entries(service.definition.methods)) {
    const handle = service.handlers.get(name);
    if (handle === undefined || method.requestStream || method.responseStream)
      throw new Error(
        `${service.definition.fullName}.${method.name} needs a handler, and may not be a stream`,
      );
    server.addService(
      { [name]: methodDefinition(service.definition, method) },
      {
        [name]: (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) =>
          void answer({ service: service.definition.fullName, method, handle, ...answering }, call, callback),
      },
    );
  }
}

interface Answered extends Answering {
  readonly service: string;
  readonly method: GrpcMethod;
  readonly handle: AnyHandler['handle'];
}

async function answer(
  answered: Answered,
  call: ServerUnaryCall<unknown, unknown>,
  callback: sendUnaryData<unknown>,
): Promise<void> {
  const { service, method } = answered;
  const startedMs = performance.now();
  const metadata = (name: string) => call.metadata.get(name)[0]?.toString();
  const trace = continueTrace({ requestId: metadata('x-request-id'), traceparent: metadata('traceparent') });
  const time = limitTime(call);
  let code = status.OK;
  try {
    const caller = await answered.verify(bearerToken(metadata('authorization')));
    const incoming: IncomingCall = { ...trace, ...time, caller, metadata };
    const work = withTrace(trace, async () => answered.handle(call.request, incoming));
    callback(null, await Promise.race([work, time.over]));
  } catch (failure) {
    const problem = failure instanceof Problem ? failure : new InternalError({ cause: failure });
    const ending = statusFromProblem(problem);
    code = ending.code;
    callback(ending);
    logFailure(answered, trace, problem);
  } finally {
    time.stop();
    answered.observe({ service, method: method.name, code, ms: performance.now() - startedMs });
  }
}

function logFailure({ log, service, method }: Answered, trace: Trace, problem: Problem): void {
  const about = {
    request_id: trace.requestId,
    grpc_service: service,
    grpc_method: method.name,
    code: problem.code,
  };
  if (problem.status >= 500) log.error({ ...about, err: problem.cause ?? problem }, 'a gRPC call failed');
  else log.info(about, 'a gRPC call was refused');
}

/** The time a call has: `over` rejects, and the signal aborts, at its deadline or when the caller goes away. */
function limitTime(call: ServerUnaryCall<unknown, unknown>) {
  const deadline = Math.min(Number(call.getDeadline()), Date.now() + LONGEST_CALL_MS);
  const controller = new AbortController();
  const { promise: over, reject } = Promise.withResolvers<never>();
  // Without a handler of its own, an end before the race begins would count as unhandled.
  over.catch(() => undefined);
  const end = () => {
    controller.abort();
    reject(new DependencyTimedOut());
  };
  const timer = setTimeout(end, deadline - Date.now());
  call.on('cancelled', end);
  const stop = () => {
    clearTimeout(timer);
    // The library says "cancelled" at the end of every call, answered ones too.
    call.off('cancelled', end);
  };
  return { deadline, signal: controller.signal, over, stop };
}

function bearerToken(authorization: string | undefined): string | undefined {
  const [scheme, token] = authorization?.split(' ') ?? [];
  return scheme?.toLowerCase() === 'bearer' ? token : undefined;
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
