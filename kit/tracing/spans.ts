import { randomBytes } from 'node:crypto';
import type { SpanEnd, SpanRecorder } from '../core/span';
import {
  continueTrace,
  runningTrace,
  type SentTrace,
  spanIdOf,
  type Trace,
  traceIdOf,
  withTrace,
} from './context';

/**
 * Goes on with what a caller sent, as a span of this process: what it starts and sends on is a child of that span.
 * Without spans it is `continueTrace`.
 *
 * @param mayBegin whether a trace may begin here, if the caller sent none; otherwise such a request leaves no span
 */
export function receiveTrace(recorder: SpanRecorder | null, sent: SentTrace, mayBegin = true): Trace {
  const trace = continueTrace(sent);
  if (recorder === null) return trace;
  if (trace.traceparent === sent.traceparent) return beginSpan(recorder, trace);
  if (!mayBegin || !recorder.shouldSample(traceIdOf(trace))) return trace;
  return {
    requestId: trace.requestId,
    traceparent: `${trace.traceparent.slice(0, -2)}01`,
    span: { recorder, parentSpanId: null, startedMs: performance.now() },
  };
}

/** Begins a span below the one that runs in `parent`; answers `parent` itself when the trace is not kept. */
export function beginSpan(recorder: SpanRecorder, parent: Trace): Trace {
  if (!isSampled(parent.traceparent)) return parent;
  const { requestId, traceparent } = parent;
  return {
    requestId,
    traceparent: traceparent.slice(0, 36) + randomBytes(8).toString('hex') + traceparent.slice(52),
    span: { recorder, parentSpanId: spanIdOf(parent), startedMs: performance.now() },
  };
}

/** Ends the span that a trace was begun with; does nothing where there is none. */
export function endSpan({ span, traceparent }: Trace, end: SpanEnd): void {
  if (span === undefined) return;
  const { parentSpanId, startedMs } = span;
  span.recorder.record({ ...end, traceparent, parentSpanId, startedMs });
}

/**
 * Runs `work` as a span below the one that is running; only runs it where none is.
 *
 * @param describe asked when `work` has ended
 * @throws what `work` throws, which is the span's error
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

/** What names a failure and is one of few: its code, or the name of its class. */
export function errorTypeOf(failure: unknown): string {
  if (!(failure instanceof Error)) return '_OTHER';
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name;
}

/** W3C Trace Context, 3.2.2.5.1: the last bit of the flags. */
export const isSampled = (traceparent: string): boolean =>
  '13579bdf'.includes(traceparent.charAt(traceparent.length - 1));
