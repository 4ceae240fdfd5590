import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { parseBearer } from '#kit/auth/bearer';
import { PROBLEM_MEDIA_TYPE } from '#kit/errors/problem';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { browsers } from '#kit/http/cookies/browser';
import { gatewayOptions } from '#kit/http/gateway-options';
import { PageQuery } from '#kit/http/lists/pagination';
import { created, noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { SecondFactorRequiredDocument } from '../second-factors/model';
import {
  expiredRefreshCookie,
  readRefreshCookie,
  requesterOf,
  withCookies,
  withRefreshToken,
} from './cookies';
import * as model from './model';
import * as sessions from './service';
import * as signIn from './sign-in';

const secondFactorRequired = {
  description:
    'The name or password is wrong; or a second factor is required (`auth.second-factor-required`), which `second_factor` says how to show',
  content: { [PROBLEM_MEDIA_TYPE]: { schema: SecondFactorRequiredDocument } },
};

export const sessionRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'sessions' })
    .use(access(deps.tokens))
    .use(browsers(deps.trustedOrigins))
    .use(gatewayOptions)

    .post(
      '/auth/register',
      async ({ body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request);
        const { signedIn, device } = await signIn.register(deps, body, from);
        return created(set, `/users/${signedIn.user.username}`, withCookies(set, browser, signedIn, device));
      },
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'registration' },
        body: model.Registration,
        response: { 201: model.SignedIn },
        ...describe('Register an account and sign in', 'Sessions'),
      },
    )
    .post(
      '/auth/login',
      async ({ body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request);
        const { signedIn, device } = await signIn.signIn(deps, body, from);
        return withCookies(set, browser, signedIn, device);
      },
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'sign-in' },
        body: model.SignIn,
        response: model.SignedIn,
        ...describe('Sign in', 'Sessions', { responses: { 401: secondFactorRequired } }),
      },
    )
    .post(
      '/auth/refresh',
      async ({ body, browser, set }) => {
        const exchange = (token: string) => sessions.refresh(deps, token);
        return withCookies(set, browser, await withRefreshToken(browser, body?.refresh_token, exchange));
      },
      {
        public: true,
        browser: true,
        body: model.RefreshRequest,
        response: model.TokenPair,
        ...describe('Exchange a refresh token from the body or the cookie', 'Sessions'),
      },
    )
    .post(
      '/auth/logout',
      ({ body, browser, request, set }) => {
        set.headers['set-cookie'] = expiredRefreshCookie(browser);
        const refreshToken = body?.refresh_token ?? readRefreshCookie(browser);
        const accessToken = parseBearer(request.headers.get('authorization')) ?? undefined;
        return noContent(set, signIn.signOut(deps, { refreshToken, accessToken }));
      },
      {
        public: true,
        browser: true,
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
