/**
 * The types of spans, apart from the code that makes them (`kit/tracing`): a runtime carries a recorder without
 * depending on tracing.
 */

/** Receives finished spans. Null in a runtime means that tracing is off, and then spans cost nothing. */
export interface SpanRecorder {
  /** Sampling decision for a trace that starts here. For a continued trace its first service has decided. */
  shouldSample(traceId: string): boolean;
  /** Queues a finished span for export; never waits and never throws. */
  record(span: FinishedSpan): void;
}

/** A span in progress; its id is in the traceparent of the trace it belongs to. */
export interface OpenSpan {
  readonly recorder: SpanRecorder;
  /** Null for the root span of a trace. */
  readonly parentSpanId: string | null;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
}

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** What is known about a span when it ends. */
export interface SpanEnd {
  /** Low cardinality: a route pattern, never a path. */
  readonly name: string;
  readonly kind: 'server' | 'client' | 'producer' | 'consumer';
  /** Named as in OpenTelemetry's semantic conventions; never values of queries, headers, paths or bodies. */
  readonly attributes: SpanAttributes;
  /** Becomes `error.type`; low cardinality. */
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
  /** Carries the trace id and the id of this span. */
  readonly traceparent: string;
  readonly parentSpanId: string | null;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
}
