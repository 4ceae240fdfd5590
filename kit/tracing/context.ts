import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { uuidv7 } from '../core/ids';
import type { OpenSpan } from '../core/span';
import { readTraceparent } from './traceparent';

/** Correlates everything done for one request, across processes. */
export interface Trace {
  readonly requestId: string;
  /** W3C Trace Context, version 00. Names the current span, where tracing is on. */
  readonly traceparent: string;
  /** The current span; undefined when tracing is off or the trace is not sampled. */
  readonly span?: OpenSpan;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;

const storage = new AsyncLocalStorage<Trace>();

/** The trace of the current request or message; undefined outside of one. */
export const runningTrace = (): Trace | undefined => storage.getStore();

/** The trace of the current request or message; a new one outside of one. */
export const currentTrace = (): Trace => storage.getStore() ?? continueTrace({});

/** Runs `work` within a trace, which everything it starts shares: logs, outbox rows, gRPC calls, SQL. */
export const withTrace = <Result>(trace: Trace, work: () => Result): Result => storage.run(trace, work);

/** The trace headers of a caller; untrusted input. */
export interface IncomingTrace {
  readonly requestId?: string | null | undefined;
  readonly traceparent?: string | null | undefined;
}

/** Continues the trace of a caller. Missing or malformed values are replaced by new ones. */
export function continueTrace(sent: IncomingTrace): Trace {
  return {
    requestId: sent.requestId && REQUEST_ID.test(sent.requestId) ? sent.requestId : uuidv7(),
    traceparent: readTraceparent(sent.traceparent) ?? startTraceparent(),
  };
}

/** The trace id: 32 hex digits. */
export const traceIdOf = (trace: { readonly traceparent: string }): string => trace.traceparent.slice(3, 35);

/** The span id: 16 hex digits. It is the parent of whatever this traceparent is sent to. */
export const spanIdOf = (trace: { readonly traceparent: string }): string => trace.traceparent.slice(36, 52);

/** Not sampled: only `receiveTrace` (`kit/tracing/spans`) decides to sample a trace that starts here. */
const startTraceparent = () => `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
