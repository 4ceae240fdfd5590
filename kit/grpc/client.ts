import { Metadata, status } from '@grpc/grpc-js';
import { createServiceTokens, ServiceTokenRefused } from '../auth/service-token';
import { backOffMs, sleep } from '../core/back-off';
import type { ServiceIdentity } from '../core/identity';
import type { Runtime } from '../core/runtime';
import { DependencyUnavailable, InternalError, type Problem } from '../errors/problem';
import type { InstanceDirectory } from '../registry/instances';
import { runningTrace, type Trace } from '../tracing/context';
import { endSpan, receiveTrace } from '../tracing/spans';
import { type Attempt, attemptCall, type CallFailure } from './attempt';
import { callSpan } from './call-span';
import { ServiceNotPermitted } from './callers';
import { openChannels } from './channels';
import {
  type GrpcDefinition,
  type GrpcMethod,
  isIdempotent,
  type RequestOf,
  type ResponseOf,
} from './definition';
import { type HttpOrigin, type HttpResponseMetadata, setHttpOrigin, USER_AUTHORIZATION } from './metadata';
import { type ObserveCall, observeClientCalls } from './metrics';
import { problemFromStatus, RETRY_AFTER_SECONDS } from './status';

const DEADLINE_MS = 2_000;
/** Enough for one instance that has just died and one that is restarting. */
const MAX_ATTEMPTS = 3;
const RETRY_PAUSE = { baseMs: 20, capMs: 200 };
/** Not allowed in HTTP/2 headers; valid tokens have no such characters. */
const NOT_IN_METADATA = /[^\x20-\x7e]/g;

/** The options of a call. An `IncomingCall` is valid here, and passes on its trace, its deadline and its cancellation. */
export interface OutgoingCall {
  readonly requestId?: string;
  readonly traceparent?: string;
  /** Milliseconds this call may take, retries included. */
  readonly deadlineMs?: number;
  /** Milliseconds since 1970; the earlier of both deadlines holds. */
  readonly deadline?: number | undefined;
  /** Cancels the call, here and at the callee. */
  readonly signal?: AbortSignal | undefined;
  readonly onBehalfOf?: OnBehalfOf;
  /** Receives the HTTP status and headers of the response. */
  readonly onHttpResponse?: (response: HttpResponseMetadata) => void;
}

/** The user a call is made for. */
export interface OnBehalfOf {
  /** Value of `Authorization`: a scheme and an access token. */
  readonly authorization?: string;
  readonly origin?: HttpOrigin;
}

export type GrpcClient<Definition extends GrpcDefinition> = {
  readonly [Name in keyof Definition['methods']]: (
    request: RequestOf<Definition['methods'][Name]>,
    call?: OutgoingCall,
  ) => Promise<ResponseOf<Definition['methods'][Name]>>;
};

/**
 * Creates a client of another service: its methods as async functions. Instances come from the registry; methods that the
 * contract marks as idempotent are retried on another instance when one is unreachable. Each function throws the `Problem`
 * of the callee, `DependencyUnavailable` (503) when no instance responds, or `DependencyTimedOut` (504) after the deadline.
 * A request stream is read with backpressure, and never retried.
 *
 * @param options.service the name of the callee in the registry
 * @param options.deadlineMs for calls that set none; 2,000 by default
 * @param options.identity signs the service tokens; the identity of the process by default
 */
export function createGrpcClient<Definition extends GrpcDefinition>(
  runtime: Runtime,
  options: {
    service: string;
    definition: Definition;
    registry: InstanceDirectory;
    deadlineMs?: number;
    identity?: ServiceIdentity;
  },
): GrpcClient<Definition> {
  const { service, definition } = options;
  const channels = openChannels(service, options.registry, runtime);
  runtime.onClose(`gRPC client of ${service}`, () => channels.close());
  const tokens = createServiceTokens(options.identity ?? runtime.identity);
  const client: ClientContext = {
    runtime,
    service,
    definition,
    channels,
    token: () => tokens.tokenFor(service),
    deadlineMs: options.deadlineMs ?? DEADLINE_MS,
    observe: observeClientCalls(runtime),
    reported: { unavailable: false },
  };
  const methods = Object.entries(definition.methods).map(([name, method]) => [
    name,
    (request: unknown, call: OutgoingCall = {}) => callInSpan(client, { method, request, call }),
  ]);
  // The mapped type follows from the definition, which Object.entries does not preserve.
  return Object.fromEntries(methods) as GrpcClient<Definition>;
}

/** Shared by all calls of a client. */
interface ClientContext {
  readonly runtime: Runtime;
  readonly service: string;
  readonly definition: GrpcDefinition;
  readonly channels: ReturnType<typeof openChannels>;
  readonly token: () => Promise<string>;
  readonly deadlineMs: number;
  readonly observe: ObserveCall;
  /** Whether the current outage has been logged. */
  readonly reported: { unavailable: boolean };
}

interface Call {
  readonly method: GrpcMethod;
  readonly request: unknown;
  readonly call: OutgoingCall;
}

/** One span for all attempts: to its caller they are one call. */
async function callInSpan(client: ClientContext, outgoing: Call) {
  const running = runningTrace();
  const sent = {
    requestId: outgoing.call.requestId ?? running?.requestId,
    traceparent: outgoing.call.traceparent ?? running?.traceparent,
  };
  // Background work of a process starts no trace.
  const trace = receiveTrace(client.runtime.spans, sent, false);
  if (trace.span === undefined) return callWithRetries(client, outgoing, trace);
  const progress: Progress = { attempts: 0, code: status.UNAVAILABLE };
  try {
    return await callWithRetries(client, outgoing, trace, progress);
  } finally {
    const method = `${client.definition.fullName}/${outgoing.method.name}`;
    const { attributes, ...ended } = callSpan('client', method, progress.code);
    endSpan(trace, { ...ended, attributes: { ...attributes, 'rookery.attempts': progress.attempts } });
  }
}

/** What the span of a call records. */
interface Progress {
  attempts: number;
  /** Of the last attempt. */
  code: status;
}

async function callWithRetries(
  client: ClientContext,
  { method, request, call }: Call,
  trace: Trace,
  progress?: Progress,
) {
  const deadline = Math.min(call.deadline ?? Infinity, Date.now() + (call.deadlineMs ?? client.deadlineMs));
  const metadata = await metadataOf(client, call, trace);
  const tried = new Set<string>();
  const repeatable = isIdempotent(method) && !method.requestStream;
  for (let attempt = 1; ; attempt++) {
    const channel = client.channels.pick(tried, repeatable);
    if (channel === undefined) throw noInstance(client);
    client.reported.unavailable = false;
    const made: Attempt = { method, request, metadata, deadline, channel, signal: call.signal };
    const outcome = await attemptCall(client, made);
    if (progress !== undefined) {
      progress.attempts = attempt;
      progress.code = outcome.failure?.code ?? status.OK;
    }
    if (outcome.failure === undefined) {
      call.onHttpResponse?.(outcome.httpResponse);
      return outcome.response;
    }
    const waitMs = backOffMs(attempt, RETRY_PAUSE);
    const mayRetry =
      outcome.failure.code === status.UNAVAILABLE &&
      repeatable &&
      attempt < MAX_ATTEMPTS &&
      call.signal?.aborted !== true &&
      Date.now() + waitMs < deadline;
    if (!mayRetry) throw callProblem(client, method, outcome.failure);
    tried.add(channel.address);
    await sleep(waitMs);
  }
}

async function metadataOf(client: ClientContext, call: OutgoingCall, trace: Trace): Promise<Metadata> {
  const { authorization, origin } = call.onBehalfOf ?? {};
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${await client.token()}`);
  metadata.set('x-request-id', trace.requestId);
  metadata.set('traceparent', trace.traceparent);
  if (authorization !== undefined)
    metadata.set(USER_AUTHORIZATION, authorization.replaceAll(NOT_IN_METADATA, '?'));
  if (origin !== undefined) setHttpOrigin(metadata, origin);
  return metadata;
}

/** Logged once per outage: an optional service may be called with every request. */
function noInstance({ runtime, service, reported }: ClientContext): Problem {
  if (!reported.unavailable) runtime.log.warn({ service }, `no instance of ${service} is available`);
  reported.unavailable = true;
  return new DependencyUnavailable({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
}

function callProblem({ runtime, service }: ClientContext, method: GrpcMethod, failure: CallFailure): Problem {
  const problem = problemFromStatus(failure);
  if (problem.code !== ServiceTokenRefused.code && problem.code !== ServiceNotPermitted.code) return problem;
  // Passed on, they would tell a signed-in user to sign in, or that the permission is theirs to get.
  runtime.log.error(
    { service, method: method.name, code: problem.code },
    `${service} refused this process: check SERVICE_KEYS of both, the clocks, and the callers of the method`,
  );
  return new InternalError({ cause: failure });
}
