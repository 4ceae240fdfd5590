import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { conditional } from '#kit/http/conditional';
import { gatewayOptions } from '#kit/http/gateway-options';
import { created, noContent } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { UsersDeps } from '../deps';
import * as model from './model';
import * as service from './service';

export const accountRoutes = (deps: UsersDeps) =>
  new Elysia({ name: 'accounts' })
    .use(access(deps.tokens))
    .use(conditional)
    .use(gatewayOptions)

    .post(
      '/register',
      async ({ body, set }) => {
        const user = await service.register(deps, body);
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
    .post('/login', ({ body, request, server }) => service.signIn(deps, body, readClient(request, server)), {
      public: true,
      gateway: { rateLimit: 'sign-in' },
      body: model.SignIn,
      response: { 200: model.TokenPair },
      ...describe('Sign in', 'Sessions'),
    })

    .get('/users/me', ({ caller }) => service.readOwnProfile(deps, caller), {
      user: true,
      response: model.OwnProfile,
      ...describe('Get my profile', 'Profiles'),
    })
    .put('/users/me', ({ caller, body }) => service.updateOwnProfile(deps, caller, body), {
      user: true,
      body: model.ProfileChange,
      response: model.OwnProfile,
      ...describe('Update my profile (omitted fields are unchanged)', 'Profiles'),
    })
    .patch('/users/me', ({ caller, body }) => service.updateOwnProfile(deps, caller, body), {
      user: true,
      body: model.ProfileChange,
      response: model.OwnProfile,
      ...describe('Update my profile (omitted fields are unchanged)', 'Profiles'),
    })
    .delete('/users/me', ({ caller, set }) => noContent(set, service.deleteOwnAccount(deps, caller)), {
      user: true,
      ...describe('Delete my account and all its data', 'Profiles'),
    })
    .get('/users/me/export', ({ caller }) => service.exportAccount(deps, caller), {
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
