import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { uuidv7 } from '../core/ids';
import type { OpenSpan } from '../core/span';

/** What ties together everything done for one request, across processes. */
export interface Trace {
  readonly requestId: string;
  /** W3C Trace Context, version 00. Names the span that is running, where spans are made. */
  readonly traceparent: string;
  /** The span that is running. Undefined where none are made, or this trace is not one of those that are kept. */
  readonly span?: OpenSpan;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

const storage = new AsyncLocalStorage<Trace>();

/** The trace of whatever is running now; undefined outside of any request or message. */
export const runningTrace = (): Trace | undefined => storage.getStore();

/** The trace of whatever is running now; outside of any request or message, a new one. */
export const currentTrace = (): Trace => storage.getStore() ?? continueTrace({});

/** Runs `work` so that everything it starts shares the trace: logs, outbox rows, gRPC calls, SQL. */
export const withTrace = <Result>(trace: Trace, work: () => Result): Result => storage.run(trace, work);

/** What a caller sent along; from outside the process, so it may be anything. */
export interface SentTrace {
  readonly requestId?: string | null | undefined;
  readonly traceparent?: string | null | undefined;
}

/** Goes on with what a caller sent where it is well-formed, else starts anew: a header is never trusted with its shape. */
export function continueTrace(sent: SentTrace): Trace {
  return {
    requestId: sent.requestId && REQUEST_ID.test(sent.requestId) ? sent.requestId : uuidv7(),
    traceparent:
      sent.traceparent && TRACEPARENT.test(sent.traceparent) ? sent.traceparent : startTraceparent(),
  };
}

/** The 32 hex digits that name the trace in logs and in a tracing system. */
export const traceIdOf = (trace: { readonly traceparent: string }): string => trace.traceparent.slice(3, 35);

/** The 16 hex digits that name the span, which is the parent of whatever this traceparent is sent to. */
export const spanIdOf = (trace: { readonly traceparent: string }): string => trace.traceparent.slice(36, 52);

/** Not sampled: nobody tells of what begins here, unless whoever receives a request decides so (`kit/tracing/spans.ts`). */
const startTraceparent = () => `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
