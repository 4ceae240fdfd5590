import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { browsers } from '#kit/http/cookies/browser';
import { gatewayOptions } from '#kit/http/gateway-options';
import { noContent } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { RequestOptions } from '../passkeys/model';
import { secondFactorOptions } from '../passkeys/sign-in';
import { requesterOf, withCookies } from '../sessions/cookies';
import { SignedIn } from '../sessions/model';
import * as model from './model';
import * as service from './service';
import { completeSignIn, requirePending } from './sign-in';
import * as totp from './totp';

export const secondFactorRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'second-factors' })
    .use(access(deps.tokens))
    .use(browsers(deps.trustedOrigins))
    .use(gatewayOptions)

    .post(
      '/auth/second-factor',
      async ({ body, browser, request, server, set }) => {
        const from = requesterOf(browser, readClient(request, server), request);
        const { signedIn, device } = await completeSignIn(deps, body, from);
        return withCookies(set, browser, signedIn, device);
      },
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'sign-in' },
        body: model.SecondFactor,
        response: SignedIn,
        ...describe('Complete a sign-in with a code, a recovery code or a passkey', 'Second factors'),
      },
    )
    .post(
      '/auth/second-factor/options',
      async ({ body, request, server }) => {
        const { userId } = await requirePending(deps, body.token);
        return secondFactorOptions(deps, userId, readClient(request, server).address);
      },
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'sign-in' },
        body: model.PendingRequest,
        response: RequestOptions,
        ...describe('Get the options to complete a sign-in with a passkey (WebAuthn)', 'Second factors'),
      },
    )

    .get('/auth/second-factors', ({ caller }) => service.readFactors(deps, caller), {
      user: true,
      response: model.SecondFactors,
      ...describe('Get my second factors', 'Second factors'),
    })
    .post(
      '/auth/second-factors/totp',
      ({ caller, set }) => {
        set.headers['cache-control'] = 'no-store';
        return totp.beginSetup(deps, caller);
      },
      {
        user: true,
        recentSignIn: true,
        response: model.AppSetup,
        ...describe('Begin to set up an authenticator app', 'Second factors'),
      },
    )
    .post(
      '/auth/second-factors/totp/confirm',
      ({ body, caller, set }) => {
        set.headers['cache-control'] = 'no-store';
        return totp.confirmSetup(deps, caller, body.code);
      },
      {
        user: true,
        recentSignIn: true,
        body: model.AppConfirmation,
        response: model.FactorAdded,
        ...describe('Add the authenticator app with a code that it shows', 'Second factors'),
      },
    )
    .delete('/auth/second-factors/totp', ({ caller, set }) => noContent(set, totp.removeApp(deps, caller)), {
      user: true,
      recentSignIn: true,
      ...describe('Remove the authenticator app', 'Second factors'),
    })
    .post(
      '/auth/second-factors/recovery-codes',
      ({ caller, set }) => {
        set.headers['cache-control'] = 'no-store';
        return service.replaceRecoveryCodes(deps, caller);
      },
      {
        user: true,
        recentSignIn: true,
        response: model.NewRecoveryCodes,
        ...describe('Make new recovery codes in place of all earlier ones', 'Second factors'),
      },
    );
