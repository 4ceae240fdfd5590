import type { Elysia } from 'elysia';
import { Histogram } from 'prom-client';
import type { Runtime } from '../core/runtime';
import type { SpanEnd } from '../core/span';
import { allowedMethods, problemOfFrameworkError } from '../errors/mapping';
import { BodyTooLarge, problemResponse, UnsupportedMediaType } from '../errors/problem';
import { continueTrace, runningTrace, type Trace, traceIdOf } from '../tracing/context';
import { endSpan } from '../tracing/spans';
import { pathOf } from './request-path';

/** Seconds; from a cached read to the gateway's request timeout. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Rate, errors and duration of what a process answers; `route` is the pattern, so label values stay bounded. */
const requestDurations = (runtime: Runtime) =>
  new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to answer an HTTP request, by route pattern',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: DURATION_BUCKETS,
    registers: [runtime.metrics],
  });

export interface RequestRules {
  /** Media types that are read. */
  readonly mediaTypes: readonly string[];
  readonly bodyBytes: number;
}

interface Exchange {
  readonly trace: Trace;
  readonly startedMs: number;
  userId?: string;
}

const exchanges = new WeakMap<Request, Exchange>();

/** Notes who is asking, for the log line of the request. */
export function recordCaller(request: Request, userId: string): void {
  const exchange = exchanges.get(request);
  if (exchange) exchange.userId = userId;
}

function exchangeOf(request: Request): Exchange {
  let exchange = exchanges.get(request);
  if (exchange === undefined) {
    const { headers } = request;
    // The server has begun one, whose ids everything that this request starts carries as well.
    const trace =
      runningTrace() ??
      continueTrace({ requestId: headers.get('x-request-id'), traceparent: headers.get('traceparent') });
    exchange = { trace, startedMs: performance.now() };
    exchanges.set(request, exchange);
  }
  return exchange;
}

/** Problem documents, request ids, one log line and one measurement for each request, whatever answers it. */
export function requests(runtime: Runtime, rules: RequestRules) {
  const durations = requestDurations(runtime);
  const mediaTypes = new Set(rules.mediaTypes);
  return (app: Elysia) =>
    app
      .onRequest(({ request, set }) => {
        set.headers['x-request-id'] = exchangeOf(request).trace.requestId;
        set.headers['x-content-type-options'] = 'nosniff';
        if (Number(request.headers.get('content-length') ?? 0) > rules.bodyBytes)
          throw new BodyTooLarge({ detail: `At most ${rules.bodyBytes} bytes are accepted.` });
      })
      .onParse(({ request, contentType }) => {
        // Without a body there is nothing whose type could be wrong: most DELETEs, and POSTs that only do something.
        if (request.body !== null && !mediaTypes.has(contentType))
          throw new UnsupportedMediaType({ detail: `Send ${[...mediaTypes].join(' or ')}.` });
      })
      .onError(({ request, code, error, set }) => {
        const path = pathOf(request.url);
        const problem = problemOfFrameworkError(error, code, () => allowedMethods(app.routes, path));
        const { trace } = exchangeOf(request);
        if (problem.status >= 500)
          runtime.log.error(
            { err: problem.cause ?? problem.message, request_id: trace.requestId },
            `${request.method} ${path} failed`,
          );
        set.status = problem.status;
        return problemResponse(problem, { path, requestId: trace.requestId });
      })
      .onAfterResponse(({ request, route, set, responseValue }) => {
        const exchange = exchangeOf(request);
        const status = statusOf(responseValue, set.status);
        const seconds = (performance.now() - exchange.startedMs) / 1000;
        const pattern = route || 'unmatched';
        durations.observe({ method: request.method, route: pattern, status: String(status) }, seconds);
        runtime.log.info(
          {
            method: request.method,
            route: pattern,
            status,
            duration_ms: Math.round(seconds * 100_000) / 100,
            request_id: exchange.trace.requestId,
            trace_id: traceIdOf(exchange.trace),
            ...(exchange.userId !== undefined && { user_id: exchange.userId }),
          },
          'request',
        );
        if (exchange.trace.span !== undefined)
          endSpan(exchange.trace, spanOf(request.method, pattern, status));
      });
}

/** Without the path and the query, which may hold what is secret. */
const spanOf = (method: string, route: string, status: number): SpanEnd => ({
  name: `${method} ${route}`,
  kind: 'server',
  attributes: {
    'http.request.method': method,
    'http.route': route,
    'http.response.status_code': status,
    'url.scheme': 'http',
  },
  error: status >= 500 ? String(status) : undefined,
});

const statusOf = (response: unknown, set: number | string | undefined): number =>
  response instanceof Response ? response.status : typeof set === 'number' ? set : 200;
