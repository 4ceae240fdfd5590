import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { type Browser, browsers } from '#kit/http/cookies/browser';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { type CookieSet, readRefreshCookie, requesterOf, withCookies } from '../sessions/cookies';
import { TokenPair } from '../sessions/model';
import { PasswordChange } from './model';
import { changePassword } from './password-change';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };

const InCookie = Type.Void({
  description: 'The new refresh token is in the cookie, as that of the request was',
});

export const credentialsRoutes = (deps: AuthDeps) => {
  /** `/auth/usuarios` is an alias. */
  const options = (summary: string) =>
    ({
      user: true,
      browser: true,
      ...byId,
      body: PasswordChange,
      response: { 200: TokenPair, 204: InCookie },
      ...describe(summary, 'Passwords', {
        description: 'All sessions end. The new one has the tokens in the response',
      }),
    }) as const;
  return new Elysia({ name: 'credentials' })
    .use(access(deps.tokens))
    .use(browsers(deps.trustedOrigins))

    .patch(
      '/auth/users/:id',
      async ({ caller, params, body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request);
        return renewed(set, browser, await changePassword(deps, caller, params.id, { ...body, from }));
      },
      options('Change my password, end all sessions, and continue in a new one'),
    )
    .patch(
      '/auth/usuarios/:id',
      async ({ caller, params, body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request);
        return renewed(set, browser, await changePassword(deps, caller, params.id, { ...body, from }));
      },
      options('Change my password (alias of /auth/users/{id})'),
    );
};

/** A page that keeps the refresh token in the cookie is not handed it; it refreshes. */
function renewed(set: CookieSet, browser: Browser, tokens: TokenPair): TokenPair | undefined {
  withCookies(set, browser, tokens);
  if (readRefreshCookie(browser) === undefined) return tokens;
  set.status = 204;
  return undefined;
}
