import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { conditional } from '#kit/http/conditional';
import { browsers } from '#kit/http/cookies/browser';
import { DEVICE_COOKIE, deviceCookie } from '#kit/http/cookies/device';
import { gatewayOptions } from '#kit/http/gateway-options';
import { created, noContent } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { UsersDeps } from '../deps';
import { confirmationOf } from './confirmation';
import * as model from './model';
import * as service from './service';

export const accountRoutes = (deps: UsersDeps) =>
  new Elysia({ name: 'accounts' })
    .use(access(deps.tokens))
    .use(browsers(deps.trustedOrigins))
    .use(conditional)
    .use(gatewayOptions)

    .post(
      '/register',
      async ({ body, request, server, set }) => {
        const { address } = readClient(request, server);
        const user = await service.register(deps, body, { address, lifetime: request });
        return created(set, `/users/${user.username}`, user);
      },
      {
        public: true,
        gateway: { rateLimit: 'registration' },
        body: model.NewUser,
        response: { 201: model.OwnProfile },
        ...describe('Register an account', 'Registration'),
      },
    )
    .post(
      '/login',
      async ({ body, browser, request, server, set }) => {
        const { tokens, device } = await service.signIn(deps, body, {
          client: readClient(request, server),
          device: browser.readCookie(DEVICE_COOKIE),
          signal: request.signal,
        });
        set.headers['cache-control'] = 'no-store';
        set.headers['set-cookie'] = deviceCookie(browser, device, '/login');
        return tokens;
      },
      {
        public: true,
        browser: true,
        gateway: { rateLimit: 'sign-in' },
        body: model.SignIn,
        response: { 200: model.TokenPair },
        ...describe('Sign in', 'Sessions', {
          description:
            'Where the account has a second factor, the answer to a right password is `401 auth.second-factor-required`: its `second_factor` has the token for `POST /auth/second-factor`',
        }),
      },
    )

    .get('/users/me', ({ caller }) => service.readOwnProfile(deps, caller), {
      user: true,
      scope: 'read:accounts',
      response: model.OwnProfile,
      ...describe('Get my profile', 'Profiles'),
    })
    .put('/users/me', ({ caller, body }) => service.updateOwnProfile(deps, caller, body), {
      user: true,
      scope: 'write:accounts',
      body: model.ProfileChange,
      response: model.OwnProfile,
      ...describe('Update my profile (omitted fields are unchanged)', 'Profiles'),
    })
    .patch('/users/me', ({ caller, body }) => service.updateOwnProfile(deps, caller, body), {
      user: true,
      scope: 'write:accounts',
      body: model.ProfileChange,
      response: model.OwnProfile,
      ...describe('Update my profile (omitted fields are unchanged)', 'Profiles'),
    })
    .delete(
      '/users/me',
      ({ caller, body, request, set }) => {
        const confirmation = confirmationOf(request, body?.current_password);
        return noContent(set, service.deleteOwnAccount(deps, caller, confirmation));
      },
      {
        user: true,
        recentSignIn: 'or-password',
        body: model.AccountDeletion,
        ...describe('Delete my account and all its data', 'Profiles'),
      },
    )
    .get('/users/me/export', ({ caller, request }) => service.exportAccount(deps, caller, request), {
      user: true,
      response: model.Export,
      ...describe(
        'Get my account as JSON; `POST /archives/exports` exports the data of all services',
        'Profiles',
      ),
    })
    .get('/users/:username', ({ params }) => service.readProfile(deps, params.username), {
      public: true,
      etag: true,
      params: Type.Object({ username: Type.String({ maxLength: 30 }) }),
      response: model.Profile,
      ...describe('Get a profile', 'Profiles'),
    });
