import { randomBytes } from 'node:crypto';
import type { SpanEnd, SpanRecorder } from '../core/span';
import {
  continueTrace,
  type IncomingTrace,
  runningTrace,
  spanIdOf,
  type Trace,
  traceIdOf,
  withTrace,
} from './context';

/**
 * Continues the trace of a caller with a span of this process, the parent of everything that it starts. With tracing off
 * this is `continueTrace`.
 *
 * @param mayStart whether a trace may start here when the caller sent none; otherwise such a request has no span
 */
export function receiveTrace(recorder: SpanRecorder | null, sent: IncomingTrace, mayStart = true): Trace {
  const trace = continueTrace(sent);
  if (recorder === null) return trace;
  const isContinued = sent.traceparent?.slice(3, 52) === trace.traceparent.slice(3, 52);
  if (isContinued) return beginSpan(recorder, trace);
  if (!mayStart || !recorder.shouldSample(traceIdOf(trace))) return trace;
  return {
    requestId: trace.requestId,
    traceparent: `${trace.traceparent.slice(0, -2)}01`,
    span: { recorder, parentSpanId: null, startedMs: performance.now() },
  };
}

/** Starts a child span of `parent`; returns `parent` itself when the trace is not sampled. */
export function beginSpan(recorder: SpanRecorder, parent: Trace): Trace {
  if (!isSampled(parent.traceparent)) return parent;
  const { requestId, traceparent } = parent;
  return {
    requestId,
    traceparent: traceparent.slice(0, 36) + randomBytes(8).toString('hex') + traceparent.slice(52),
    span: { recorder, parentSpanId: spanIdOf(parent), startedMs: performance.now() },
  };
}

/** Ends the current span of a trace; does nothing when there is none. */
export function endSpan({ span, traceparent }: Trace, end: SpanEnd): void {
  if (span === undefined) return;
  const { parentSpanId, startedMs } = span;
  span.recorder.record({ ...end, traceparent, parentSpanId, startedMs });
}

/**
 * Runs `work` within a child span of the current one, or without a span when there is none.
 *
 * @param describe called when `work` has settled
 * @throws what `work` throws, which becomes the error of the span
 */
export async function withSpan<Result>(
  describe: () => SpanEnd,
  work: (trace: Trace | undefined) => Promise<Result>,
): Promise<Result> {
  const parent = runningTrace();
  if (parent?.span === undefined) return work(parent);
  const trace = beginSpan(parent.span.recorder, parent);
  try {
    const result = await withTrace(trace, () => work(trace));
    endSpan(trace, describe());
    return result;
  } catch (failure) {
    endSpan(trace, { ...describe(), error: errorTypeOf(failure) });
    throw failure;
  }
}

/** A low-cardinality name of a failure: its code, or the name of its class. */
export function errorTypeOf(failure: unknown): string {
  if (!(failure instanceof Error)) return '_OTHER';
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name;
}

/** Whether the sampled flag is set: the last bit of the flags (W3C Trace Context, section 3.2.2.5.1). */
export const isSampled = (traceparent: string): boolean =>
  '13579bdf'.includes(traceparent.charAt(traceparent.length - 1));
