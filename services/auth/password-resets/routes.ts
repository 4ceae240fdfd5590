import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { gatewayOptions } from '#kit/http/gateway-options';
import { noContent } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import * as model from './model';
import * as service from './service';

export const passwordResetRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'password-resets' })
    .use(access(deps.tokens))
    .use(gatewayOptions)

    .post(
      '/auth/password/forgot',
      async ({ body, request, server, set }) => {
        await service.requestReset(deps, body, readClient(request, server));
        set.status = 202;
      },
      {
        public: true,
        gateway: { rateLimit: 'password-reset' },
        body: model.ForgottenPassword,
        ...describe(
          'Request a password reset link by mail (the response is the same for every address)',
          'Passwords',
          { responses: { 202: { description: 'A link is mailed to the address if it is an account' } } },
        ),
      },
    )
    .post('/auth/password/reset', ({ body, set }) => noContent(set, service.resetPassword(deps, body)), {
      public: true,
      gateway: { rateLimit: 'password-reset' },
      body: model.PasswordReset,
      ...describe('Reset a password with the token of a mailed link, and end all sessions', 'Passwords'),
    });
