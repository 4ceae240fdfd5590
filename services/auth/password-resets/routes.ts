import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { browsers } from '#kit/http/cookies/browser';
import { gatewayOptions } from '#kit/http/gateway-options';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { cookiesOf, requesterOf } from '../sessions/cookies';
import * as model from './model';
import * as service from './service';

export const passwordResetRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'password-resets' })
    .use(access(deps.tokens))
    .use(browsers(deps.trustedOrigins))
    .use(gatewayOptions)

    .post(
      '/auth/password/forgot',
      async ({ body, browser, request, server, set }) => {
        await service.requestReset(deps, body, requesterOf(browser, readClient(request, server), request));
        set.status = 202;
      },
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'password-reset' },
        body: model.ForgottenPassword,
        ...describe(
          'Request a password reset link by mail (the response is the same for every address)',
          'Passwords',
          { responses: { 202: { description: 'A link is mailed to the address if it is an account' } } },
        ),
      },
    )
    .post(
      '/auth/password/reset',
      async ({ body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request);
        const device = await service.resetPassword(deps, body, from);
        set.headers['set-cookie'] = cookiesOf(browser, { device });
        set.status = 204;
      },
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'password-reset' },
        body: model.PasswordReset,
        ...describe('Reset a password with the token of a mailed link, and end all sessions', 'Passwords'),
      },
    );
