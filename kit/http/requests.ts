import type { Elysia } from 'elysia';
import { Histogram } from 'prom-client';
import type { Runtime } from '../core/runtime';
import type { SpanEnd } from '../core/span';
import { allowedMethods, problemOfFrameworkError } from '../errors/mapping';
import { defineProblem, problemResponse } from '../errors/problem';
import { traceIdOf } from '../tracing/context';
import { endSpan } from '../tracing/spans';
import { admitBody, contentCodingProblem } from './body/admission';
import { problemOfContent, readBody } from './body/read-body';
import { exchangeOf, throwRefusal } from './exchange';
import { checkJsonText } from './json-text/check';
import { JsonText } from './json-text/json-text';
import { sendJsonText } from './json-text/send';
import { keepPrivate } from './private-responses';
import { pathOf } from './request-path';
import { problemOfBody, problemOfQuery, routeRules } from './strictness';

export const MalformedUrl = defineProblem('request.malformed-url', 400, 'Malformed URL');

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
  /** Maximum size of a request body. */
  readonly bodyBytes: number;
}

/** Problem documents, request ids, strict bodies and queries, and one log line and one measurement per request. */
export function requests(runtime: Runtime, rules: RequestRules) {
  const durations = requestDurations(runtime);
  return (app: Elysia) => {
    const findRules = routeRules(app, parseBody);

    async function parseBody({ request, route }: { request: Request; route: string }): Promise<unknown> {
      const routeRules = findRules(request.method, route);
      // Requests without a body need no media type: most DELETEs, and POSTs that trigger an action.
      if (request.body === null || routeRules === undefined || routeRules.readsBodyItself) return undefined;
      const body = await readBody(request, routeRules.mediaTypes);
      exchangeOf(request).refusal = problemOfBody(routeRules, body);
      // Not undefined, for which the framework would look for another parser.
      return body ?? null;
    }

    return (
      app
        .onRequest(({ request, set }) => {
          set.headers['x-request-id'] = exchangeOf(request).trace.requestId;
          set.headers['x-content-type-options'] = 'nosniff';
          if (!isDecodable(request.url)) throw new MalformedUrl();
          admitBody(request, rules.bodyBytes);
        })
        .onParse(parseBody)
        .onTransform(({ request, route, query }) => {
          const { url } = request;
          const searchStart = url.indexOf('?');
          const content = problemOfContent(request);
          const coded =
            request.body === null ? null : contentCodingProblem(request.headers.get('content-encoding'));
          if (searchStart === -1 && content === undefined && coded === null) return;
          const routeRules = findRules(request.method, route);
          if (routeRules === undefined) return;
          const exchange = exchangeOf(request);
          // Of a body that the platform reads, `readBody` says so.
          if (routeRules.readsBodyItself) exchange.refusal ??= coded ?? undefined;
          else exchange.refusal ??= content;
          if (searchStart === -1) return;
          const received = { pathname: pathOf(url), search: url.slice(searchStart), query };
          exchange.refusal ??= problemOfQuery(routeRules, received);
        })
        .mapResponse(({ request, route, responseValue, set }) => {
          keepPrivate(request, responseValue, set);
          if (!(responseValue instanceof JsonText)) return undefined;
          if (runtime.checksJsonText) {
            const status = typeof set.status === 'number' ? set.status : 200;
            const schema = findRules(request.method, route)?.responses.get(status);
            if (schema !== undefined) checkJsonText(responseValue.source, schema);
          }
          return sendJsonText(responseValue, set);
        })
        // The access rules of the services have thrown it before, so that a client without access does not learn it.
        .onBeforeHandle(({ request }) => throwRefusal(request))
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
          exchange.releasePlace?.();
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
        })
    );
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
