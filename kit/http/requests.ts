import type { Elysia } from 'elysia';
import type { Runtime } from '../core/runtime';
import { allowedMethods, problemOfFrameworkError } from '../errors/mapping';
import { defineProblem, type Problem, problemResponse } from '../errors/problem';
import { admitBody, contentCodingProblem } from './body/admission';
import { problemOfContent, readBody } from './body/read-body';
import { exchangeOf, throwRefusal } from './exchange';
import { checkJsonText } from './json-text/check';
import { JsonText } from './json-text/json-text';
import { sendJsonText } from './json-text/send';
import { asksForPage } from './page-requests';
import { keepPrivate } from './private-responses';
import { pathOf } from './request-path';
import { problemOfBody, problemOfQuery, routeRules } from './strictness';
import { recordRequests } from './telemetry/record';

export const MalformedUrl = defineProblem('request.malformed-url', 400, 'Malformed URL');

export interface RequestRules {
  /** Maximum size of a request body. */
  readonly bodyBytes: number;
  /** Renders the problems of requests of browsers that ask for a page; without it they get problem documents as well. */
  readonly problemPage?: ProblemPage | undefined;
}

/** Has the status and the header fields of the problem. */
export type ProblemPage = (problem: Problem, requestId: string) => Response;

/** Problem documents, request ids, strict bodies and queries, and one log line and one measurement per request. */
export function requests(runtime: Runtime, rules: RequestRules) {
  const record = recordRequests(runtime);
  return (app: Elysia) => {
    // Otherwise Elysia searches the path after the eleventh character of the URL, and with a host of one character it would
    // match another path than the one the gateway has routed. It reads this when it handles its first request.
    app.config.handler = { ...app.config.handler, standardHostname: false };
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
          const { trace, isWarmUp } = exchangeOf(request);
          if (problem.status >= 500 && isWarmUp !== true)
            runtime.log.error(
              { err: problem.cause ?? problem.message, request_id: trace.requestId },
              `${request.method} ${path} failed`,
            );
          set.status = problem.status;
          if (rules.problemPage !== undefined && asksForPage(request.headers.get('accept')))
            return rules.problemPage(problem, trace.requestId);
          return problemResponse(problem, { path, requestId: trace.requestId });
        })
        .onAfterResponse(({ request, route, set, responseValue }) => {
          const exchange = exchangeOf(request);
          exchange.releasePlace?.();
          if (exchange.isWarmUp === true) return;
          const status = statusOf(responseValue, set.status);
          record({ method: request.method, route: route || 'unmatched', status, exchange });
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

const statusOf = (response: unknown, set: number | string | undefined): number =>
  response instanceof Response ? response.status : typeof set === 'number' ? set : 200;
