import type { SpanEvent, SpanRecorder } from '#kit/core/span';
import { isSampled } from '#kit/tracing/spans';
import type { AttemptRecord } from '../model/attempt';
import { LOCAL_ROUTE, type RequestOutcome } from '../model/outcome';
import type { RequestContext } from '../model/request-context';

/** A request may have many attempts while many instances are unavailable. */
const MAX_ATTEMPTS = 20;

/** Other methods are arbitrary client input. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Records the span of a completed request; its id was sent upstream with the request. Local responses, mostly to probes
 * and scrapers, have none.
 */
export function recordRequestSpan(
  spans: SpanRecorder,
  context: RequestContext,
  outcome: RequestOutcome,
): void {
  const { traceparent, parentSpanId, startedMs, requestId } = context;
  const { route, status, service, code, tries, queuedMs } = outcome;
  if (route === LOCAL_ROUTE || !isSampled(traceparent)) return;
  const { method } = context.request.head;
  const isKnown = METHODS.has(method);
  const attempt = tries?.attempt;
  spans.record({
    name: `${isKnown ? method : 'HTTP'} ${route}`,
    kind: 'server',
    traceparent,
    parentSpanId,
    startedMs,
    attributes: {
      'http.request.method': isKnown ? method : '_OTHER',
      'http.route': route,
      'http.response.status_code': status,
      'url.scheme': context.origin.protocol,
      'network.protocol.version': context.request.head.httpVersion,
      'rookery.request_id': requestId,
      ...(service !== undefined && { 'service.peer.name': service }),
      ...(attempt && { 'rookery.instance': attempt.instanceId }),
      ...(tries !== undefined && { 'rookery.retries': tries.retries }),
      ...(queuedMs !== undefined && queuedMs > 0 && { 'rookery.queued_ms': queuedMs }),
    },
    error: status >= 500 ? (code ?? String(status)) : undefined,
    ...(tries?.records && { events: tries.records.slice(0, MAX_ATTEMPTS).map(attemptEvent) }),
  });
}

const attemptEvent = ({ kind, attempt, status }: AttemptRecord): SpanEvent => ({
  name: 'try',
  atMs: attempt.startedMs,
  attributes: {
    'rookery.try.kind': kind,
    'rookery.instance': attempt.instanceId,
    'rookery.try.outcome': attempt.result ?? 'abandoned',
    ...(status > 0 && { 'http.response.status_code': status }),
  },
});
