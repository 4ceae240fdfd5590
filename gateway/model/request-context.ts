import type { IncomingRequest } from '../http1/message';

/** Where a request came from, as far as its headers are trusted. */
export interface ClientOrigin {
  readonly address: string;
  readonly protocol: 'http' | 'https';
  /** Requested host; null when the client named none. */
  readonly host: string | null;
  /** What a trusted proxy has cut from the path; empty for nothing. */
  readonly prefix: string;
  /** `X-Forwarded-*` and `Forwarded` as sent to instances. */
  readonly forwardedFields: readonly (readonly [name: string, value: string])[];
  /** The same as header lines. */
  readonly forwardedLines: string;
}

/** What is known about one request besides its head: its origin, and the ids under which it is traced. */
export interface RequestContext {
  readonly request: IncomingRequest;
  readonly origin: ClientOrigin;
  readonly requestId: string;
  readonly traceId: string;
  /** Sent upstream: the caller's trace with a span of our own, or a new trace. */
  readonly traceparent: string;
  /** Of the caller's span, where spans are recorded; null when the trace begins here. */
  readonly parentSpanId: string | null;
  /** Whether the caller's trace is continued, so that its `tracestate` is still valid. */
  readonly traceContinued: boolean;
  readonly startedMs: number;
  /** Registry revision the request is routed by. */
  readonly revision: number;
}
