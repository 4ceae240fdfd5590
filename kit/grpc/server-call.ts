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
import type { SpanRecorder } from '../core/span';
import { problemOfFailure } from '../errors/mapping';
import { DependencyUnavailable, type Problem } from '../errors/problem';
import { type Trace, withTrace } from '../tracing/context';
import { endSpan, receiveTrace } from '../tracing/spans';
import { callSpan } from './call-span';
import { END_OF_REQUESTS, type GrpcMethod } from './definition';
import { type HttpOrigin, type HttpResponseMetadata, httpOriginIn, trailersOf } from './metadata';
import type { ObserveCall } from './metrics';
import { DependencyTimedOut, statusFromProblem } from './status';

/** For callers that set no deadline of their own, or a longer one. */
const LONGEST_CALL_MS = 30_000;
/** Files come this way, as fast as a client's line is. */
const LONGEST_STREAM_MS = 600_000;

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
  /** Where the request from outside came from, where the caller has said it. */
  readonly origin: HttpOrigin | undefined;
  /** Says what belongs to an HTTP answer besides the response; for callers that make one of it. */
  readonly setHttpResponse: (answer: HttpResponseMetadata) => void;
}

/** A call with one request, or with a stream of them; one response either way. */
export type AnyServerCall = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;

export type AnyHandler = (request: unknown, call: IncomingCall) => unknown;

/** What all calls of one server share. */
export interface Answering {
  readonly log: Logger;
  readonly observe: ObserveCall;
  readonly spans: SpanRecorder | null;
  readonly verify: (token: string | undefined) => Promise<string>;
}

interface Answered extends Answering {
  readonly service: string;
  readonly method: GrpcMethod;
  readonly handle: AnyHandler;
}

/**
 * Answers one call with its handler: checks the caller's token, holds the time, and ends with the problem's status
 * when the handler throws.
 */
export async function answerCall(
  answered: Answered,
  call: AnyServerCall,
  callback: sendUnaryData<unknown>,
): Promise<void> {
  const { service, method } = answered;
  const startedMs = performance.now();
  const metadata = (name: string) => call.metadata.get(name)[0]?.toString();
  const sent = { requestId: metadata('x-request-id'), traceparent: metadata('traceparent') };
  const trace = receiveTrace(answered.spans, sent);
  const time = limitTime(call, method.requestStream ? LONGEST_STREAM_MS : LONGEST_CALL_MS);
  let httpResponse: HttpResponseMetadata | undefined;
  let code = status.OK;
  try {
    const caller = await answered.verify(parseBearer(metadata('authorization')) ?? undefined);
    const incoming: IncomingCall = {
      ...trace,
      ...time,
      caller,
      metadata,
      origin: httpOriginIn(call.metadata),
      setHttpResponse(answer) {
        httpResponse = answer;
      },
    };
    const work = withTrace(trace, async () => answered.handle(requestOf(call), incoming));
    callback(null, await Promise.race([work, time.over]), trailersOf(httpResponse));
  } catch (failure) {
    const problem = problemOfFailure(failure);
    const ending = statusFromProblem(problem);
    code = ending.code;
    callback(ending);
    // What is still being sent is of no use now; unread it would hold the stream open.
    if (isStream(call)) call.resume();
    logFailure(answered, trace, problem);
  } finally {
    time.stop();
    answered.observe({ service, method: method.name, code, ms: performance.now() - startedMs });
    if (trace.span !== undefined) endSpan(trace, callSpan('server', `${service}/${method.name}`, code));
  }
}

const isStream = (call: AnyServerCall): call is ServerReadableStream<unknown, unknown> => 'resume' in call;

const requestOf = (call: AnyServerCall): unknown => (isStream(call) ? messagesOf(call) : call.request);

/**
 * Reads a stream as the handler asks for it, one message after the other.
 *
 * @throws DependencyUnavailable when the caller broke it off: what came is not whole then
 */
async function* messagesOf(call: ServerReadableStream<unknown, unknown>): AsyncGenerator<unknown> {
  let whole = false;
  for await (const message of call) {
    if (message === END_OF_REQUESTS) whole = true;
    else yield message;
  }
  if (!whole) throw new DependencyUnavailable();
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
function limitTime(call: EventEmitter & { getDeadline(): Deadline }, longestMs: number) {
  const deadline = Math.min(Number(call.getDeadline()), Date.now() + longestMs);
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
