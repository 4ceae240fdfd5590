import { randomBytes } from 'node:crypto';
import {
  continueTrace,
  runningTrace,
  type SentTrace,
  spanIdOf,
  type Trace,
  traceIdOf,
  withTrace,
} from './trace';

/** Where finished spans go. Null in a runtime means that none are made, and then nothing of this file costs anything. */
export interface Spans {
  /** Whether a trace that begins here is kept. Of one that goes on, whoever began it has decided. */
  keeps(traceId: string): boolean;
  /** Takes a finished span; never waits and never throws. */
  finished(span: FinishedSpan): void;
}

/** A span that has begun; its id is in the traceparent of the trace it belongs to. */
export interface OpenSpan {
  readonly spans: Spans;
  /** Null for the first of a trace. */
  readonly parentSpanId: string | null;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
}

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** What is known of a span when it ends. */
export interface SpanEnd {
  /** Of few different values: a pattern, never a path. */
  readonly name: string;
  readonly kind: 'server' | 'client' | 'producer' | 'consumer';
  /** Named as in OpenTelemetry's semantic conventions; never values of queries, headers, paths or bodies. */
  readonly attributes: SpanAttributes;
  /** What went wrong, as `error.type`: of few different values. */
  readonly error?: string | undefined;
  readonly events?: readonly SpanEvent[];
}

export interface SpanEvent {
  readonly name: string;
  /** Monotonic milliseconds. */
  readonly atMs: number;
  readonly attributes: SpanAttributes;
}

export interface FinishedSpan extends SpanEnd {
  /** Names the span itself. */
  readonly traceparent: string;
  readonly parentSpanId: string | null;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
}

/**
 * Goes on with what a caller sent, as a span of this process: what it starts and sends on is a child of that span.
 * Without spans it is `continueTrace`.
 *
 * @param mayBegin whether a trace may begin here, if the caller sent none; otherwise such a request leaves no span
 */
export function receiveTrace(spans: Spans | null, sent: SentTrace, mayBegin = true): Trace {
  const trace = continueTrace(sent);
  if (spans === null) return trace;
  if (trace.traceparent === sent.traceparent) return beginSpan(spans, trace);
  if (!mayBegin || !spans.keeps(traceIdOf(trace))) return trace;
  return {
    requestId: trace.requestId,
    traceparent: `${trace.traceparent.slice(0, -2)}01`,
    span: { spans, parentSpanId: null, startedMs: performance.now() },
  };
}

/** Begins a span below the one that runs in `parent`; answers `parent` itself when the trace is not kept. */
export function beginSpan(spans: Spans, parent: Trace): Trace {
  if (!isSampled(parent.traceparent)) return parent;
  const { requestId, traceparent } = parent;
  return {
    requestId,
    traceparent: traceparent.slice(0, 36) + randomBytes(8).toString('hex') + traceparent.slice(52),
    span: { spans, parentSpanId: spanIdOf(parent), startedMs: performance.now() },
  };
}

/** Ends the span that a trace was begun with; does nothing where there is none. */
export function endSpan({ span, traceparent }: Trace, end: SpanEnd): void {
  if (span === undefined) return;
  const { parentSpanId, startedMs } = span;
  span.spans.finished({ ...end, traceparent, parentSpanId, startedMs });
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
  const trace = beginSpan(parent.span.spans, parent);
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
