import type { Elysia } from 'elysia';
import { type DocumentHandler, docs } from './docs';
import { requestDurations } from './metrics';
import { operations } from './operations';
import { BodyTooLarge, problemResponse, UnsupportedMediaType } from './problem';
import { allowedMethods, problemOf } from './problem-of';
import type { Runtime } from './runtime';
import { continueTrace, type Trace, traceIdOf } from './trace';

/** JSON bodies; routes that take files raise it for themselves. */
export const JSON_BODY_BYTES = 1024 * 1024;

export interface PlatformOptions {
  /** For the generated documentation. */
  readonly description?: string;
  /** Media types this service reads; JSON unless it says otherwise. */
  readonly mediaTypes?: readonly string[];
  readonly bodyBytes?: number;
  /** Answers `/openapi.json` instead of the document generated from this app's routes. */
  readonly document?: DocumentHandler;
}

interface Exchange {
  readonly trace: Trace;
  readonly startedMs: number;
  userId?: string;
}

const exchanges = new WeakMap<Request, Exchange>();

/** Notes who is asking, for the log line of the request. */
export function noteCaller(request: Request, userId: string): void {
  const exchange = exchanges.get(request);
  if (exchange) exchange.userId = userId;
}

/** The ids of the request being answered. */
export const traceOf = (request: Request): Trace => exchangeOf(request).trace;

function exchangeOf(request: Request): Exchange {
  let exchange = exchanges.get(request);
  if (exchange === undefined) {
    const { headers } = request;
    const trace = continueTrace({
      requestId: headers.get('x-request-id'),
      traceparent: headers.get('traceparent'),
    });
    exchange = { trace, startedMs: performance.now() };
    exchanges.set(request, exchange);
  }
  return exchange;
}

/**
 * Everything a service answers that is not its business: problem documents, request ids, one log line and one
 * measurement for each request, health, metrics and documentation. Use it first: it covers the routes after it.
 */
export function platform(runtime: Runtime, options: PlatformOptions = {}) {
  const durations = requestDurations(runtime);
  const mediaTypes = new Set(options.mediaTypes ?? ['application/json']);
  const bodyBytes = options.bodyBytes ?? JSON_BODY_BYTES;
  return (app: Elysia) =>
    app
      .onRequest(({ request, set }) => {
        set.headers['x-request-id'] = exchangeOf(request).trace.requestId;
        set.headers['x-content-type-options'] = 'nosniff';
        if (Number(request.headers.get('content-length') ?? 0) > bodyBytes)
          throw new BodyTooLarge({ detail: `At most ${bodyBytes} bytes are accepted.` });
      })
      .onParse(({ request, contentType }) => {
        // Without a body there is nothing whose type could be wrong: most DELETEs, and POSTs that only do something.
        if (request.body !== null && !mediaTypes.has(contentType))
          throw new UnsupportedMediaType({ detail: `Send ${[...mediaTypes].join(' or ')}.` });
      })
      .onError(({ request, code, error, set }) => {
        const path = pathOf(request.url);
        const problem = problemOf(error, code, () => allowedMethods(app.routes, path));
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
      })
      .use(operations(runtime))
      .use(
        docs({
          name: runtime.name,
          version: runtime.version,
          description: options.description ?? '',
          document: options.document,
        }),
      );
}

const statusOf = (response: unknown, set: number | string | undefined): number =>
  response instanceof Response ? response.status : typeof set === 'number' ? set : 200;

function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2);
  const end = url.indexOf('?', start);
  return end === -1 ? url.slice(start) : url.slice(start, end);
}
