import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { parseBearer } from '#kit/auth/bearer';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { gatewayOptions } from '#kit/http/gateway-options';
import { PageQuery } from '#kit/http/lists/pagination';
import { created, noContent, paged, type ResponseSet } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import * as model from './model';
import {
  browserRequestOf,
  expiredRefreshCookie,
  readRefreshCookie,
  refreshCookie,
  withRefreshToken,
} from './refresh-cookie';
import * as sessions from './service';
import * as signIn from './sign-in';

export const sessionRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'sessions' })
    .use(access(deps.tokens))
    .use(gatewayOptions)

    .post(
      '/auth/register',
      async ({ body, request, server, set }) => {
        const signedIn = await signIn.register(deps, body, readClient(request, server));
        return created(set, `/users/${signedIn.user.username}`, withCookie(set, request, signedIn));
      },
      {
        public: true,
        gateway: { rateLimit: 'registration' },
        body: model.Registration,
        response: { 201: model.SignedIn },
        ...describe('Register an account and sign in', 'Sessions'),
      },
    )
    .post(
      '/auth/login',
      async ({ body, request, server, set }) =>
        withCookie(set, request, await signIn.signIn(deps, body, readClient(request, server))),
      {
        public: true,
        gateway: { rateLimit: 'sign-in' },
        body: model.SignIn,
        response: model.SignedIn,
        ...describe('Sign in', 'Sessions'),
      },
    )
    .post(
      '/auth/refresh',
      async ({ body, request, set }) => {
        const exchange = (token: string) => sessions.refresh(deps, token);
        const tokens = await withRefreshToken(browserRequestOf(request), body?.refresh_token, exchange);
        return withCookie(set, request, tokens);
      },
      {
        public: true,
        body: model.RefreshRequest,
        response: model.TokenPair,
        ...describe('Exchange a refresh token from the body or the cookie', 'Sessions'),
      },
    )
    .post(
      '/auth/logout',
      ({ body, request, set }) => {
        const browser = browserRequestOf(request);
        set.headers['set-cookie'] = expiredRefreshCookie(browser);
        const refreshToken = body?.refresh_token ?? readRefreshCookie(browser);
        const accessToken = parseBearer(request.headers.get('authorization')) ?? undefined;
        return noContent(set, signIn.signOut(deps, { refreshToken, accessToken }));
      },
      {
        public: true,
        body: model.RefreshRequest,
        ...describe('Sign out: end the session of the given tokens', 'Sessions'),
      },
    )

    .get('/auth/me', ({ caller }) => signIn.readMe(deps, caller), {
      user: true,
      response: model.Me,
      ...describe('Get the signed-in user', 'Sessions'),
    })
    .get(
      '/auth/sessions',
      async ({ caller, query, request, set }) =>
        paged(set, request, await sessions.listSessions(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.SessionPage,
        ...describe('List my sessions, newest first', 'Sessions'),
      },
    )
    .delete(
      '/auth/sessions/:id',
      ({ caller, params, set }) => noContent(set, sessions.endOwnSession(deps, caller, params.id)),
      {
        user: true,
        params: Type.Object({ id: Type.String({ maxLength: 36 }) }),
        ...describe('End one of my sessions', 'Sessions'),
      },
    );

/** Returns tokens in the body, never cached (RFC 6749, section 5.1), and the refresh token in the cookie as well. */
function withCookie<Value extends { refresh_token: string }>(
  set: ResponseSet,
  request: Request,
  value: Value,
): Value {
  set.headers['cache-control'] = 'no-store';
  set.headers['set-cookie'] = refreshCookie(browserRequestOf(request), value.refresh_token);
  return value;
}
