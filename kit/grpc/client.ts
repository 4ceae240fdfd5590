import { Metadata, status } from '@grpc/grpc-js';
import { createServiceTokens, ServiceTokenRefused } from '../auth/service-token';
import { backOffMs, sleep } from '../core/back-off';
import type { Runtime } from '../core/runtime';
import { DependencyUnavailable, InternalError, type Problem } from '../errors/problem';
import type { InstanceDirectory } from '../registry/instances';
import { runningTrace, type Trace } from '../tracing/context';
import { endSpan, receiveTrace } from '../tracing/spans';
import { type Attempt, attemptCall, type CallFailure } from './attempt';
import { callSpan } from './call-span';
import { openChannels } from './channels';
import {
  type GrpcDefinition,
  type GrpcMethod,
  isIdempotent,
  type RequestOf,
  type ResponseOf,
} from './definition';
import { type HttpOrigin, type HttpResponseMetadata, setHttpOrigin, USER_AUTHORIZATION } from './metadata';
import { type ObserveCall, observeMade } from './metrics';
import { problemFromStatus, RETRY_AFTER_SECONDS } from './status';

const DEADLINE_MS = 2_000;
/** The first and two more: enough for one instance that has just died and one that is restarting. */
const ATTEMPTS = 3;
const RETRY_PAUSE = { baseMs: 20, capMs: 200 };
/** HTTP/2 allows no others in a header; a token holds none of them, so nothing of a good one is lost. */
const NOT_IN_METADATA = /[^\x20-\x7e]/g;

/** What goes with a call; an `IncomingCall` fits, and hands its trace, its deadline and its end on. */
export interface OutgoingCall {
  readonly requestId?: string;
  readonly traceparent?: string;
  /** Milliseconds this call may take, retries included. */
  readonly deadlineMs?: number;
  /** Milliseconds since 1970 after which nobody waits for the answer; the earlier of the two holds. */
  readonly deadline?: number;
  /** Ends the call, here and at the callee, when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  readonly onBehalfOf?: OnBehalfOf;
  /** Hears what belongs to an HTTP answer besides the response. */
  readonly onHttpResponse?: (answer: HttpResponseMetadata) => void;
}

/** The person a call is made for. */
export interface OnBehalfOf {
  /** Their `Authorization`: a scheme and an access token. */
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
 * The methods of another service as async functions. Instances come from the registry's live view; methods the
 * contract marks as idempotent are tried again on another instance when one cannot be reached.
 * Each function throws the callee's own `Problem`; `DependencyUnavailable` (503) when no instance answers;
 * `DependencyTimedOut` (504) after the deadline.
 * A stream of requests is read only as fast as the callee takes it, and is never sent a second time.
 *
 * @param service the callee's name in the registry
 * @param deadlineMs for calls that set none: 2,000 unless said otherwise
 */
export function createGrpcClient<Definition extends GrpcDefinition>(
  runtime: Runtime,
  options: {
    service: string;
    definition: Definition;
    registry: InstanceDirectory;
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
    seen: { away: false },
  };
  const methods = Object.entries(definition.methods).map(([name, method]) => [
    name,
    (request: unknown, call: OutgoingCall = {}) => callInSpan(caller, method, request, call),
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
  readonly seen: { away: boolean };
}

/** One span for all attempts: to whoever waits they are one call. */
async function callInSpan(caller: Caller, method: GrpcMethod, request: unknown, call: OutgoingCall) {
  const running = runningTrace();
  const sent = {
    requestId: call.requestId ?? running?.requestId,
    traceparent: call.traceparent ?? running?.traceparent,
  };
  // What a process asks of its own accord, again and again, begins no trace.
  const trace = receiveTrace(caller.runtime.spans, sent, false);
  if (trace.span === undefined) return callWithRetries(caller, method, request, call, trace);
  const progress: Progress = { attempts: 0, code: status.UNAVAILABLE };
  try {
    return await callWithRetries(caller, method, request, call, trace, progress);
  } finally {
    const { attributes, ...ended } = callSpan(
      'client',
      `${caller.definition.fullName}/${method.name}`,
      progress.code,
    );
    endSpan(trace, { ...ended, attributes: { ...attributes, 'rookery.attempts': progress.attempts } });
  }
}

/** How far a call has come. */
interface Progress {
  attempts: number;
  /** Of the last attempt. */
  code: status;
}

async function callWithRetries(
  caller: Caller,
  method: GrpcMethod,
  request: unknown,
  call: OutgoingCall,
  trace: Trace,
  progress?: Progress,
) {
  const deadline = Math.min(call.deadline ?? Infinity, Date.now() + (call.deadlineMs ?? caller.deadlineMs));
  const metadata = await metadataOf(caller, call, trace);
  const tried = new Set<string>();
  const repeatable = isIdempotent(method) && !method.requestStream;
  for (let attempt = 1; ; attempt++) {
    const channel = caller.channels.pick(tried, repeatable);
    if (channel === undefined) throw noInstance(caller);
    caller.seen.away = false;
    const made: Attempt = { method, request, metadata, deadline, channel, signal: call.signal };
    const outcome = await attemptCall(caller, made);
    if (progress !== undefined) {
      progress.attempts = attempt;
      progress.code = outcome.failure?.code ?? status.OK;
    }
    if (outcome.failure === undefined) {
      call.onHttpResponse?.(outcome.httpResponse);
      return outcome.response;
    }
    const waitMs = backOffMs(attempt, RETRY_PAUSE);
    const again =
      outcome.failure.code === status.UNAVAILABLE &&
      repeatable &&
      attempt < ATTEMPTS &&
      call.signal?.aborted !== true &&
      Date.now() + waitMs < deadline;
    if (!again) throw problemOfFailure(caller, method, outcome.failure);
    tried.add(channel.address);
    await sleep(waitMs);
  }
}

async function metadataOf(caller: Caller, call: OutgoingCall, trace: Trace): Promise<Metadata> {
  const { authorization, origin } = call.onBehalfOf ?? {};
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${await caller.token()}`);
  metadata.set('x-request-id', trace.requestId);
  metadata.set('traceparent', trace.traceparent);
  if (authorization !== undefined)
    metadata.set(USER_AUTHORIZATION, authorization.replaceAll(NOT_IN_METADATA, '?'));
  if (origin !== undefined) setHttpOrigin(metadata, origin);
  return metadata;
}

/** Told once each time it goes away: a service that can do without it may ask with every request. */
function noInstance({ runtime, service, seen }: Caller): Problem {
  if (!seen.away) runtime.log.warn({ service }, `no instance of ${service} can be called`);
  seen.away = true;
  return new DependencyUnavailable({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
}

function problemOfFailure({ runtime, service }: Caller, method: GrpcMethod, failure: CallFailure): Problem {
  const problem = problemFromStatus(failure);
  if (problem.code !== ServiceTokenRefused.code) return problem;
  // Passed on, this 401 would tell a signed-in person to sign in.
  runtime.log.error(
    { service, method: method.name },
    `${service} refused this process's token: INTERNAL_SECRET must be the same in both, and the clocks close`,
  );
  return new InternalError({ cause: failure });
}
