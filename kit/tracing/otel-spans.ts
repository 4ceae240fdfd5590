import type { HrTime } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { FinishedSpan, SpanEnd } from '../core/span';
import { traceIdOf } from './context';
import { isSampled } from './spans';

/** The values of OpenTelemetry's `SpanKind` and `SpanStatusCode`, without loading their module. */
const KINDS = { server: 1, client: 2, producer: 3, consumer: 4 } as const satisfies Record<
  SpanEnd['kind'],
  number
>;
const UNSET = { code: 0 } as const;
const FAILED = { code: 2 } as const;

/** Beyond this the offset of the monotonic clock is updated: the wall clock has been corrected meanwhile. */
const CLOCK_DRIFT_MS = 10;

/** Converts finished spans to spans of the SDK. */
export function readableSpans(
  resource: Resource,
  instrumentationScope: { name: string; version: string },
): (span: FinishedSpan) => ReadableSpan {
  const wallClock = createWallClock();
  return (span) => {
    const { traceparent, parentSpanId, startedMs, name, kind, error } = span;
    const traceId = traceIdOf(span);
    const traceFlags = isSampled(traceparent) ? 1 : 0;
    const context = { traceId, spanId: traceparent.slice(36, 52), traceFlags };
    const endedMs = performance.now();
    const offsetMs = wallClock(endedMs);
    return {
      name,
      kind: KINDS[kind],
      spanContext: () => context,
      ...(parentSpanId !== null && { parentSpanContext: { traceId, spanId: parentSpanId, traceFlags } }),
      startTime: highResolution(startedMs + offsetMs),
      endTime: highResolution(endedMs + offsetMs),
      duration: highResolution(endedMs - startedMs),
      status: error === undefined ? UNSET : FAILED,
      attributes: error === undefined ? { ...span.attributes } : { ...span.attributes, 'error.type': error },
      links: [],
      events: (span.events ?? []).map(({ name, atMs, attributes }) => ({
        name,
        time: highResolution(atMs + offsetMs),
        attributes: { ...attributes },
      })),
      ended: true,
      resource,
      instrumentationScope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  };
}

/** The offset from monotonic time to milliseconds since 1970. */
function createWallClock(): (nowMs: number) => number {
  let offsetMs = performance.timeOrigin;
  return (nowMs) => {
    const presentMs = Date.now() - nowMs;
    if (Math.abs(presentMs - offsetMs) > CLOCK_DRIFT_MS) offsetMs = presentMs;
    return offsetMs;
  };
}

/** Seconds and nanoseconds. */
function highResolution(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
