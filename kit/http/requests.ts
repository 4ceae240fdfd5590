import type { Elysia } from 'elysia';
import { Histogram } from 'prom-client';
import type { Runtime } from '../core/runtime';
import type { SpanEnd } from '../core/span';
import { allowedMethods, problemOfFrameworkError } from '../errors/mapping';
import { defineProblem, problemResponse, UnsupportedMediaType } from '../errors/problem';
import { traceIdOf } from '../tracing/context';
import { endSpan } from '../tracing/spans';
import { admitBody, contentCodingProblem } from './body/admission';
import { readJson, requireUtf8 } from './body/json';
import { exchangeOf } from './exchange';
import { pathOf } from './request-path';
import { createStrictness } from './strictness';

export const MalformedUrl = defineProblem('request.malformed-url', 400, 'Malformed URL');

const JSON_MEDIA_TYPE = 'application/json';
/** Seconds; from a cached read to the gateway's request timeout. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Rate, errors and duration of requests. `route` is the pattern, so that label values are bounded. */
const requestDurations = (runtime: Runtime) =>
  new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to handle an HTTP request, by route pattern',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: DURATION_BUCKETS,
    registers: [runtime.metrics],
  });

export interface RequestRules {
  /** Accepted media types. */
  readonly mediaTypes: readonly string[];
  /** Maximum size of a request body. */
  readonly bodyBytes: number;
}

/** Problem documents, request ids, and one log line and one measurement per request. */
export function requests(runtime: Runtime, rules: RequestRules) {
  const durations = requestDurations(runtime);
  const mediaTypes = new Set(rules.mediaTypes);
  return (app: Elysia) => {
    const findRefusal = createStrictness(app);
    return app
      .onRequest(({ request, set }) => {
        set.headers['x-request-id'] = exchangeOf(request).trace.requestId;
        set.headers['x-content-type-options'] = 'nosniff';
        if (!isDecodable(request.url)) throw new MalformedUrl();
        admitBody(request, rules.bodyBytes);
      })
      .onParse(({ request, contentType }) => {
        // Requests without a body need no media type: most DELETEs, and POSTs that trigger an action.
        if (request.body === null) return undefined;
        if (!mediaTypes.has(contentType))
          throw new UnsupportedMediaType({ detail: `Send ${[...mediaTypes].join(' or ')}.` });
        const coded = contentCodingProblem(request.headers.get('content-encoding'));
        if (coded !== null) throw coded;
        const parameters = request.headers.get('content-type') ?? '';
        if (contentType === JSON_MEDIA_TYPE) return readJson(request, parameters);
        requireUtf8(parameters);
        return undefined;
      })
      .onTransform(({ request, route, body, query }) => {
        const pathname = pathOf(request.url);
        const refusal = findRefusal({ method: request.method, route, pathname, body, query });
        if (refusal !== undefined) exchangeOf(request).refusal = refusal;
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
            ...(exchange.caller !== undefined && { user_id: exchange.caller.id }),
          },
          'request',
        );
        if (exchange.trace.span !== undefined)
          endSpan(exchange.trace, spanOf(request.method, pattern, status));
      });
  };
}

/** Percent-encoded bytes must be UTF-8: a decoder would replace them with U+FFFD in silence. */
function isDecodable(url: string): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

/** Without the path and the query, which may hold secrets. */
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
