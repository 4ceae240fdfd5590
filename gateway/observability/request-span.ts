import type { SpanEvent, SpanRecorder } from '#kit/core/span';
import { isSampled } from '#kit/tracing/spans';
import type { RoutedTry } from '../model/attempt';
import { LOCAL_ROUTE, type RequestOutcome } from '../model/outcome';
import type { RequestContext } from '../model/request-context';

/** With many instances away at once a request may have had many tries. */
const MOST_TRIES = 20;

/** Others are a client's invention, of which there may be any number. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Hands on the span of a request that has ended: its id went upstream with the request. Pages of the gateway's own,
 * which are mostly asked for by what watches it, have none.
 */
export function finishRequestSpan(
  spans: SpanRecorder,
  context: RequestContext,
  outcome: RequestOutcome,
): void {
  const { traceparent, parentSpanId, startedMs, requestId } = context;
  const { route, status, service, code, tries, queuedMs } = outcome;
  if (route === LOCAL_ROUTE || !isSampled(traceparent)) return;
  const { method } = context.request.head;
  const known = METHODS.has(method);
  const attempt = tries?.attempt;
  spans.record({
    name: `${known ? method : 'HTTP'} ${route}`,
    kind: 'server',
    traceparent,
    parentSpanId,
    startedMs,
    attributes: {
      'http.request.method': known ? method : '_OTHER',
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
    ...(tries?.told && { events: tries.told.slice(0, MOST_TRIES).map(tryEvent) }),
  });
}

const tryEvent = ({ kind, attempt, status }: RoutedTry): SpanEvent => ({
  name: 'try',
  atMs: attempt.startedMs,
  attributes: {
    'rookery.try.kind': kind,
    'rookery.instance': attempt.instanceId,
    'rookery.try.outcome': attempt.result ?? 'abandoned',
    ...(status > 0 && { 'http.response.status_code': status }),
  },
});
