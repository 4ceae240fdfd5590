import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { RateLimitName } from '#contracts/registry';
import { UnsupportedMediaType } from '#kit/errors/problem';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { created, noContent, paged, type ResponseSet } from '#kit/http/responses';
import { authorizationServer } from './keys/metadata';
import * as resets from './password-resets/service';
import * as model from './sessions/model';
import {
  noRefreshCookie,
  readRefreshCookie,
  refreshCookie,
  visitOf,
  withRefreshToken,
} from './sessions/refresh-cookie';
import * as sessions from './sessions/service';
import * as service from './sessions/sign-in';
import * as tokens from './tokens/service';

export type AuthServiceDeps = service.AuthDeps & tokens.TokensDeps & resets.PasswordResetDeps;

const FORM = 'application/x-www-form-urlencoded';
/** RFC 7009 and RFC 7662 send forms. Elsewhere a form could be sent by any page a browser is on. */
const FORM_PATHS = new Set(['/auth/introspect', '/auth/revoke']);

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };
const describe = (summary: string, tag: string) => ({ detail: { summary, tags: [tag] } });
/** A route on which secrets are guessed or mail is sent: the gateway lets one address ask only so often. */
const describeLimited = (rateLimit: RateLimitName, summary: string) => ({
  detail: { summary, tags: ['Signing in'], 'x-rate-limit': rateLimit },
});

export const auth = (deps: AuthServiceDeps) =>
  new Elysia({ name: 'auth' })
    .use(
      platform(deps.runtime, {
        description: 'Secrets and sessions: signing in, tokens and the keys they are signed with.',
        mediaTypes: ['application/json', FORM],
      }),
    )
    .onParse(({ path, contentType }) => {
      if (contentType === FORM && !FORM_PATHS.has(path))
        throw new UnsupportedMediaType({ detail: 'Send application/json.' });
    })
    .use(access(deps.tokens))

    .post(
      '/auth/register',
      async ({ body, request, server, set }) => {
        const signedIn = await service.register(deps, body, readClient(request, server));
        return created(set, `/users/${signedIn.user.username}`, withCookie(set, request, signedIn));
      },
      {
        public: true,
        body: model.Registration,
        response: { 201: model.SignedIn },
        ...describeLimited('registration', 'Register and sign in'),
      },
    )
    .post(
      '/auth/login',
      async ({ body, request, server, set }) =>
        withCookie(set, request, await service.signIn(deps, body, readClient(request, server))),
      {
        public: true,
        body: model.SignIn,
        response: model.SignedIn,
        ...describeLimited('sign-in', 'Sign in'),
      },
    )
    .post(
      '/auth/refresh',
      async ({ body, request, set }) => {
        const exchange = (token: string) => sessions.refresh(deps, token);
        const tokens = await withRefreshToken(visitOf(request), body?.refresh_token, exchange);
        return withCookie(set, request, tokens);
      },
      {
        public: true,
        body: model.RefreshRequest,
        response: model.TokenPair,
        ...describe('Exchange a refresh token, from the body or the cookie', 'Signing in'),
      },
    )
    .post(
      '/auth/logout',
      ({ body, request, set }) => {
        set.headers['set-cookie'] = noRefreshCookie(visitOf(request));
        const refreshToken = body?.refresh_token ?? readRefreshCookie(visitOf(request));
        const accessToken = tokens.accessTokenIn(request.headers.get('authorization'));
        return noContent(set, tokens.logOut(deps, { refreshToken, accessToken }));
      },
      {
        public: true,
        body: model.RefreshRequest,
        ...describe('End the session of the tokens sent', 'Signing in'),
      },
    )
    .post(
      '/auth/password/forgot',
      async ({ body, request, server, set }) => {
        await resets.requestReset(deps, body, readClient(request, server));
        set.status = 202;
      },
      {
        public: true,
        body: model.ForgottenPassword,
        ...describeLimited(
          'password-reset',
          'Have a link mailed to set a new password; the same answer for every address',
        ),
      },
    )
    .post('/auth/password/reset', ({ body, set }) => noContent(set, resets.resetPassword(deps, body)), {
      public: true,
      body: model.PasswordReset,
      ...describeLimited(
        'password-reset',
        'Set a new password with the token of such a link, and end all sessions',
      ),
    })

    .get('/auth/me', ({ caller }) => tokens.readMe(deps, caller), {
      user: true,
      response: model.Me,
      ...describe('Who I am', 'Me'),
    })
    .get(
      '/auth/sessions',
      async ({ caller, query, request, set }) =>
        paged(set, request, await sessions.listSessions(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.SessionPage,
        ...describe('Where I am signed in, newest first', 'Me'),
      },
    )
    .delete(
      '/auth/sessions/:id',
      ({ caller, params, set }) => noContent(set, sessions.endOwnSession(deps, caller, params.id)),
      { user: true, ...byId, ...describe('Sign out there', 'Me') },
    )
    .patch(
      '/auth/users/:id',
      ({ caller, params, body, request, server, set }) =>
        noContent(set, service.changePassword(deps, caller, params.id, body, readClient(request, server))),
      {
        user: true,
        ...byId,
        body: model.PasswordChange,
        ...describe('Change my password and end all other sessions', 'Me'),
      },
    )
    .patch(
      '/auth/usuarios/:id',
      ({ caller, params, body, request, server, set }) =>
        noContent(set, service.changePassword(deps, caller, params.id, body, readClient(request, server))),
      {
        user: true,
        ...byId,
        body: model.PasswordChange,
        ...describe('The same under its other name', 'Me'),
      },
    )

    .post('/auth/verify', async ({ body }) => verified(await tokens.verifyToken(deps, body.token)), {
      public: true,
      body: model.TokenRequest,
      response: model.VerifiedToken,
      ...describe('Whether an access token is good; 401 when it is not', 'Tokens'),
    })
    .post('/auth/introspect', ({ body }) => tokens.introspect(deps, body.token), {
      user: true,
      body: model.TokenRequest,
      response: model.Introspection,
      ...describe('What a token is worth (RFC 7662)', 'Tokens'),
    })
    .post(
      '/auth/revoke',
      async ({ body, set }) => {
        await tokens.revokeToken(deps, body.token);
        set.status = 200;
      },
      { public: true, body: model.TokenRequest, ...describe('End a token (RFC 7009)', 'Tokens') },
    )
    .get(
      '/.well-known/jwks.json',
      ({ set }) => {
        set.headers['cache-control'] = 'public, max-age=300';
        return deps.keys.publicKeys();
      },
      { public: true, ...describe('The keys to check tokens with (RFC 7517)', 'Tokens') },
    )
    .get(
      '/.well-known/openid-configuration',
      ({ set }) => {
        set.headers['cache-control'] = 'public, max-age=300';
        return authorizationServer(deps.settings.issuer);
      },
      { public: true, ...describe('Where everything is (RFC 8414)', 'Tokens') },
    );

/** Tokens go to the one who asked: into the answer, and into a cookie no script can read. RFC 6749, section 5.1. */
function withCookie<Value extends { refresh_token: string }>(
  set: ResponseSet,
  request: Request,
  value: Value,
): Value {
  set.headers['cache-control'] = 'no-store';
  set.headers['set-cookie'] = refreshCookie(visitOf(request), value.refresh_token);
  return value;
}

const verified = (caller: Awaited<ReturnType<typeof tokens.verifyToken>>) => ({
  user_id: caller.id,
  username: caller.username,
  session_id: caller.sessionId,
  token_id: caller.tokenId,
  roles: [...caller.roles],
  permissions: [...caller.permissions],
  issued_at: caller.issuedAt,
  expires_at: caller.expiresAt,
});
