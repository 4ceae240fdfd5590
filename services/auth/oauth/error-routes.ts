import type { Elysia } from 'elysia';
import type { Registry } from 'prom-client';
import { problemOfFrameworkError } from '#kit/errors/mapping';
import type { Problem } from '#kit/errors/problem';
import { exchangeOf } from '#kit/http/exchange';
import { pathOf } from '#kit/http/request-path';
import { OAuthError } from './errors';
import { refusalCounter } from './metrics';

/** The endpoints that programs call. Those of people have pages. */
const PROTOCOL = /^\/oauth\/(device_authorization|introspect|register|revoke|token|userinfo)\/?$/;

/** Sends what is thrown at the endpoints of the protocol in its form. Use it before `platform`, which would send problems. */
export function oauthErrors(metrics: Registry) {
  const refused = refusalCounter(metrics);
  return (app: Elysia) =>
    app.onError(({ request, code, error, set }) => {
      const path = pathOf(request.url);
      const endpoint = PROTOCOL.exec(path)?.[1];
      if (endpoint === undefined || code === 'NOT_FOUND') return undefined;
      const failure = errorOf(error, code, path);
      // Logged and sent by the platform.
      if (failure === undefined) return undefined;
      refused.inc({ endpoint, error: failure.code });
      set.status = failure.status;
      return errorResponse(failure, exchangeOf(request).trace.requestId);
    });
}

function errorOf(error: unknown, code: string | number, path: string): OAuthError | undefined {
  if (error instanceof OAuthError) return error;
  const problem = problemOfFrameworkError(error, code, () => []);
  const { status, headers } = problem;
  if (status === 429 || status === 503)
    return new OAuthError('temporarily_unavailable', 'Repeat the request later.', { status, headers });
  if (status === 401)
    return new OAuthError('invalid_token', 'The access token is missing, invalid or expired.', {
      status,
      headers,
    });
  if (status === 403)
    return new OAuthError('insufficient_scope', 'The access token lacks the scope.', { status, headers });
  if (status >= 500) return undefined;
  return malformed(problem, path);
}

function malformed(problem: Problem, path: string): OAuthError {
  const options = problem.status === 413 ? { status: 413 } : {};
  const [first] = problem.errors ?? [];
  const reason = first === undefined ? problem.title : `${first.field}: ${first.message}`;
  if (!path.startsWith('/oauth/register')) return new OAuthError('invalid_request', reason, options);
  const isRedirectUri = first?.field.startsWith('redirect_uris') === true;
  return new OAuthError(isRedirectUri ? 'invalid_redirect_uri' : 'invalid_client_metadata', reason, options);
}

const errorResponse = (failure: OAuthError, requestId: string): Response =>
  Response.json(
    { error: failure.code, error_description: failure.description },
    {
      status: failure.status,
      headers: { ...failure.headers, 'cache-control': 'no-store', 'x-request-id': requestId },
    },
  );
