import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { backOffMs, pause } from './back-off';
import { type Channel, openChannels, type RegistryView } from './grpc-channels';
import {
  type GrpcDefinition,
  type GrpcMethod,
  isIdempotent,
  methodDefinition,
  type RequestOf,
  type ResponseOf,
} from './grpc-definition';
import { type ObserveCall, observeMade } from './grpc-metrics';
import { problemFromStatus, RETRY_AFTER_SECONDS } from './grpc-status';
import { DependencyUnavailable, InternalError, type Problem } from './problem';
import type { Runtime } from './runtime';
import { createServiceTokens, ServiceTokenRefused } from './service-token';
import { currentTrace } from './trace';

const DEADLINE_MS = 2_000;
/** The first and two more: enough for one instance that has just died and one that is restarting. */
const ATTEMPTS = 3;
const RETRY_PAUSE = { baseMs: 20, capMs: 200 };

/** What goes with a call; an `IncomingCall` fits, and hands its trace and its deadline on. */
export interface OutgoingCall {
  readonly requestId?: string;
  readonly traceparent?: string;
  /** Milliseconds this call may take, retries included. */
  readonly deadlineMs?: number;
  /** Milliseconds since 1970 after which nobody waits for the answer; the earlier of the two holds. */
  readonly deadline?: number;
}

export type GrpcClient<Definition extends GrpcDefinition> = {
  readonly [Name in keyof Definition['methods']]: (
    request: RequestOf<Definition['methods'][Name]>,
    call?: OutgoingCall,
  ) => Promise<ResponseOf<Definition['methods'][Name]>>;
};

interface AnyCall {
  call(request: unknown, call?: OutgoingCall): Promise<unknown>;
}

/**
 * The methods of another service as async functions. Instances come from the registry's live view; methods the
 * contract marks as idempotent are tried again on another instance when one cannot be reached.
 * Each function throws the callee's own `Problem`; `DependencyUnavailable` (503) when no instance answers;
 * `DependencyTimedOut` (504) after the deadline.
 *
 * @param service the callee's name in the registry
 * @param deadlineMs for calls that set none: 2,000 unless said otherwise
 */
export function createGrpcClient<Definition extends GrpcDefinition>(
  runtime: Runtime,
  options: {
    service: string;
    definition: Definition;
    registry: RegistryView;
    internalSecret: string;
    deadlineMs?: number;
  },
): GrpcClient<Definition> {
  const { service, definition } = options;
  const channels = openChannels(service, options.registry);
  runtime.onClose(`gRPC client of ${service}`, () => channels.close());
  const tokens = createServiceTokens({ issuer: runtime.name, secret: options.internalSecret });
  const caller: Caller = {
    runtime,
    service,
    definition,
    channels,
    token: () => tokens.tokenFor(service),
    deadlineMs: options.deadlineMs ?? DEADLINE_MS,
    observe: observeMade(runtime),
  };
  const methods = Object.entries(definition.methods).map(([name, method]): [string, AnyCall['call']] => [
    name,
    (request, call = {}) => callWithRetries(caller, method, request, call),
  ]);
  // The mapped type follows from the definition, which Object.entries cannot see.
  return Object.fromEntries(methods) as GrpcClient<Definition>;
}

interface Caller {
  readonly runtime: Runtime;
  readonly service: string;
  readonly definition: GrpcDefinition;
  readonly channels: ReturnType<typeof openChannels>;
  readonly token: () => Promise<string>;
  readonly deadlineMs: number;
  readonly observe: ObserveCall;
}

async function callWithRetries(caller: Caller, method: GrpcMethod, request: unknown, call: OutgoingCall) {
  const deadline = Math.min(call.deadline ?? Infinity, Date.now() + (call.deadlineMs ?? caller.deadlineMs));
  const metadata = await metadataOf(caller, call);
  const tried = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    const channel = caller.channels.pick(tried);
    if (channel === undefined) throw noInstance(caller);
    const outcome = await attemptCall(caller, channel, method, request, metadata, deadline);
    if (outcome.failure === undefined) return outcome.response;
    const waitMs = backOffMs(attempt, RETRY_PAUSE);
    const again =
      outcome.failure.code === status.UNAVAILABLE &&
      isIdempotent(method) &&
      attempt < ATTEMPTS &&
      Date.now() + waitMs < deadline;
    if (!again) throw problemOfFailure(caller, method, outcome.failure);
    tried.add(channel.address);
    await pause(waitMs);
  }
}

async function metadataOf(caller: Caller, call: OutgoingCall): Promise<Metadata> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${await caller.token()}`);
  metadata.set('x-request-id', call.requestId ?? currentTrace().requestId);
  metadata.set('traceparent', call.traceparent ?? currentTrace().traceparent);
  return metadata;
}

type Outcome = { failure: ServiceError } | { failure: undefined; response: unknown };

async function attemptCall(
  caller: Caller,
  channel: Channel,
  method: GrpcMethod,
  request: unknown,
  metadata: Metadata,
  deadline: number,
): Promise<Outcome> {
  const { path, requestSerialize, responseDeserialize } = methodDefinition(caller.definition, method);
  const startedMs = performance.now();
  channel.inFlight++;
  const outcome = await new Promise<Outcome>((resolve) => {
    channel.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline },
      (failure, response) => resolve(failure ? { failure } : { failure: undefined, response }),
    );
  });
  caller.channels.release(channel);
  caller.observe({
    service: caller.definition.fullName,
    method: method.name,
    code: outcome.failure?.code ?? status.OK,
    ms: performance.now() - startedMs,
  });
  return outcome;
}

function noInstance({ runtime, service }: Caller): Problem {
  runtime.log.warn({ service }, `no instance of ${service} can be called`);
  return new DependencyUnavailable({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
}

function problemOfFailure({ runtime, service }: Caller, method: GrpcMethod, failure: ServiceError): Problem {
  const problem = problemFromStatus(failure);
  if (problem.code !== ServiceTokenRefused.code) return problem;
  // Passed on, this 401 would tell a signed-in person to sign in.
  runtime.log.error(
    { service, method: method.name },
    `${service} refused this process's token: INTERNAL_SECRET must be the same in both, and the clocks close`,
  );
  return new InternalError({ cause: failure });
}
