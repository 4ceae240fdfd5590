import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { browsers } from '#kit/http/cookies/browser';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { requesterOf, withCookies } from '../sessions/cookies';
import { TokenPair } from '../sessions/model';
import { PasswordChange } from './model';
import { changePassword } from './password-change';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };

export const credentialsRoutes = (deps: AuthDeps) => {
  /** `/auth/usuarios` is an alias. */
  const options = (summary: string) =>
    ({
      user: true,
      browser: true,
      ...byId,
      body: PasswordChange,
      response: TokenPair,
      ...describe(summary, 'Passwords'),
    }) as const;
  return new Elysia({ name: 'credentials' })
    .use(access(deps.tokens))
    .use(browsers(deps.trustedOrigins))

    .patch(
      '/auth/users/:id',
      async ({ caller, params, body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request.signal);
        return withCookies(set, browser, await changePassword(deps, caller, params.id, { ...body, from }));
      },
      options('Change my password, end all sessions, and continue in a new one'),
    )
    .patch(
      '/auth/usuarios/:id',
      async ({ caller, params, body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request.signal);
        return withCookies(set, browser, await changePassword(deps, caller, params.id, { ...body, from }));
      },
      options('Change my password (alias of /auth/users/{id})'),
    );
};
