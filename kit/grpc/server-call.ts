import type { EventEmitter } from 'node:events';
import {
  type Deadline,
  type ServerReadableStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { parseBearer } from '../auth/bearer';
import type { Scope } from '../auth/scopes';
import type { SpanRecorder } from '../core/span';
import { problemOfFailure } from '../errors/mapping';
import { DependencyUnavailable, type Problem } from '../errors/problem';
import { type Trace, withTrace } from '../tracing/context';
import { endSpan, receiveTrace } from '../tracing/spans';
import { callSpan } from './call-span';
import type { CallerCheck } from './callers';
import { END_OF_REQUESTS, type GrpcMethod } from './definition';
import { type HttpOrigin, type HttpResponseMetadata, httpOriginIn, trailersOf } from './metadata';
import type { ObserveCall } from './metrics';
import { DependencyTimedOut, statusFromProblem } from './status';

/** The maximum deadline, also for callers that set none. */
const MAX_CALL_MS = 30_000;
/** Uploads are as slow as the client's connection. */
const MAX_STREAM_MS = 600_000;

/** The context of a call. Pass it on to the clients that the handler uses. */
export interface IncomingCall extends Trace {
  /** The calling process, from its service token. */
  readonly caller: string;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  /** Aborts at the deadline, or when the caller has canceled. */
  readonly signal: AbortSignal;
  /** What an app needs that calls this method for a user; undefined where none may. */
  readonly scope: Scope | undefined;
  /** The first value of a metadata key. */
  readonly metadata: (name: string) => string | undefined;
  /** The origin of the external request, where the caller has sent it. */
  readonly origin: HttpOrigin | undefined;
  /** Sets the HTTP status and headers of the response, for callers that transcode it. */
  readonly setHttpResponse: (response: HttpResponseMetadata) => void;
}

/** A call with one request, or with a stream of them; one response either way. */
export type AnyServerCall = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;

export type AnyHandler = (request: unknown, call: IncomingCall) => unknown;

/** Shared by all calls of a server. */
export interface ServerContext {
  readonly log: Logger;
  readonly observe: ObserveCall;
  readonly spans: SpanRecorder | null;
  readonly checkCaller: CallerCheck;
}

/** Shared by all calls of a method. */
interface MethodContext extends ServerContext {
  readonly service: string;
  readonly method: GrpcMethod;
  readonly callers: ReadonlySet<string>;
  readonly scope: Scope | undefined;
  readonly handle: AnyHandler;
}

/**
 * Handles one call: verifies the service token and that its process may call, enforces the deadline, runs the handler, and maps what it throws to a
 * status.
 */
export async function handleCall(
  context: MethodContext,
  call: AnyServerCall,
  callback: sendUnaryData<unknown>,
): Promise<void> {
  const { service, method } = context;
  const startedMs = performance.now();
  const metadata = (name: string) => call.metadata.get(name)[0]?.toString();
  const sent = { requestId: metadata('x-request-id'), traceparent: metadata('traceparent') };
  const trace = receiveTrace(context.spans, sent);
  const time = limitTime(call, method.requestStream ? MAX_STREAM_MS : MAX_CALL_MS);
  let httpResponse: HttpResponseMetadata | undefined;
  let code = status.OK;
  try {
    const called = { service, method: method.name, callers: context.callers };
    const caller = await context.checkCaller(called, parseBearer(metadata('authorization')) ?? undefined);
    const incoming: IncomingCall = {
      ...trace,
      deadline: time.deadline,
      get signal() {
        return time.signal();
      },
      caller,
      scope: context.scope,
      metadata,
      origin: httpOriginIn(call.metadata),
      setHttpResponse(response) {
        httpResponse = response;
      },
    };
    const work = withTrace(trace, async () => context.handle(requestOf(call), incoming));
    callback(null, await Promise.race([work, time.expired]), trailersOf(httpResponse));
  } catch (failure) {
    const problem = problemOfFailure(failure);
    const ending = statusFromProblem(problem);
    code = ending.code;
    callback(ending);
    // Discards the rest of the request; unread it would hold the stream open.
    if (isStream(call)) call.resume();
    logFailure(context, trace, problem);
  } finally {
    time.stop();
    context.observe({ service, method: method.name, code, ms: performance.now() - startedMs });
    if (trace.span !== undefined) endSpan(trace, callSpan('server', `${service}/${method.name}`, code));
  }
}

const isStream = (call: AnyServerCall): call is ServerReadableStream<unknown, unknown> => 'resume' in call;

const requestOf = (call: AnyServerCall): unknown => (isStream(call) ? messagesOf(call) : call.request);

/**
 * Reads a request stream with backpressure.
 *
 * @throws DependencyUnavailable when the caller aborted it: the request is incomplete
 */
async function* messagesOf(call: ServerReadableStream<unknown, unknown>): AsyncGenerator<unknown> {
  let complete = false;
  for await (const message of call) {
    if (message === END_OF_REQUESTS) complete = true;
    else yield message;
  }
  if (!complete) throw new DependencyUnavailable();
}

function logFailure({ log, service, method }: MethodContext, trace: Trace, problem: Problem): void {
  const fields = {
    request_id: trace.requestId,
    grpc_service: service,
    grpc_method: method.name,
    code: problem.code,
  };
  if (problem.status >= 500) log.error({ ...fields, err: problem.cause ?? problem }, 'gRPC call failed');
  else log.info(fields, 'gRPC call rejected');
}

/** Enforces the deadline: `expired` rejects, and the signal aborts, when it has passed or the caller has canceled. */
function limitTime(call: EventEmitter & { getDeadline(): Deadline }, maxMs: number) {
  const deadline = Math.min(Number(call.getDeadline()), Date.now() + maxMs);
  // Most handlers have nothing to cancel.
  let controller: AbortController | undefined;
  let isOver = false;
  const { promise: expired, reject } = Promise.withResolvers<never>();
  // A rejection before the race starts would otherwise count as unhandled.
  expired.catch(() => undefined);
  const end = () => {
    isOver = true;
    controller?.abort();
    reject(new DependencyTimedOut());
  };
  const timer = setTimeout(end, deadline - Date.now());
  call.on('cancelled', end);
  const stop = () => {
    clearTimeout(timer);
    // The library emits "cancelled" at the end of every call, successful ones included.
    call.off('cancelled', end);
  };
  const signal = () => {
    controller ??= new AbortController();
    if (isOver) controller.abort();
    return controller.signal;
  };
  return { deadline, signal, expired, stop };
}
