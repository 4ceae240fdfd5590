import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { RateLimitName } from '#contracts/registry';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { conditional } from '#kit/http/conditional';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { created, noContent, paged } from '#kit/http/responses';
import type { UsersDeps } from './accounts/lifecycle';
import * as model from './accounts/model';
import * as service from './accounts/service';
import { operatorRoutes } from './operators/routes';
import * as relationships from './relationships/service';
import { roleRoutes } from './roles/routes';

const byUsername = { params: Type.Object({ username: Type.String({ maxLength: 30 }) }) };
const describe = (summary: string, tag: string) => ({ detail: { summary, tags: [tag] } });
/** The gateway lets one address ask only so often. */
const describeLimited = (rateLimit: RateLimitName, summary: string) => ({
  detail: { summary, tags: ['Joining'], 'x-rate-limit': rateLimit },
});

export const users = (deps: UsersDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'users' })
    .use(
      platform(deps.runtime, {
        description: 'People: registration, profiles, how they stand to each other, and what they may do.',
      }),
    )
    .use(access(deps.tokens))
    .use(conditional)

    .post(
      '/register',
      async ({ body, set }) => {
        const user = await service.register(deps, body);
        return created(set, `/users/${user.username}`, user);
      },
      {
        public: true,
        body: model.NewUser,
        response: { 201: model.OwnProfile },
        ...describeLimited('registration', 'Register'),
      },
    )
    .post('/login', ({ body, request, server }) => service.signIn(deps, body, readClient(request, server)), {
      public: true,
      body: model.SignIn,
      response: { 200: model.TokenPair },
      ...describeLimited('sign-in', 'Sign in'),
    })

    .get('/users/me', ({ caller }) => service.readOwnProfile(deps, caller), {
      user: true,
      response: model.OwnProfile,
      ...describe('My profile', 'Profiles'),
    })
    .put('/users/me', ({ caller, body }) => service.updateOwnProfile(deps, caller, body), {
      user: true,
      body: model.ProfileChange,
      response: model.OwnProfile,
      ...describe('Change my profile; what is left out stays', 'Profiles'),
    })
    .patch('/users/me', ({ caller, body }) => service.updateOwnProfile(deps, caller, body), {
      user: true,
      body: model.ProfileChange,
      response: model.OwnProfile,
      ...describe('Change my profile; what is left out stays', 'Profiles'),
    })
    .delete('/users/me', ({ caller, set }) => noContent(set, service.deleteOwnAccount(deps, caller)), {
      user: true,
      ...describe('Erase my account, everywhere', 'Profiles'),
    })
    .get('/users/me/export', ({ caller }) => service.exportAccount(deps, caller), {
      user: true,
      response: model.Export,
      ...describe('Everything about me', 'Profiles'),
    })
    .get('/users/:username', ({ params }) => service.readProfile(deps, params.username), {
      public: true,
      etag: true,
      ...byUsername,
      response: model.Profile,
      ...describe('A profile', 'Profiles'),
    })

    .post(
      '/users/follow/:username',
      ({ caller, params, set }) => noContent(set, relationships.follow(deps, caller, params.username)),
      {
        user: true,
        ...byUsername,
        ...describe('Follow; again changes nothing', 'Relationships'),
      },
    )
    .post(
      '/users/unfollow/:username',
      ({ caller, params, set }) => noContent(set, relationships.unfollow(deps, caller, params.username)),
      {
        user: true,
        ...byUsername,
        ...describe('Unfollow', 'Relationships'),
      },
    )
    .post(
      '/users/block/:username',
      ({ caller, params, set }) => noContent(set, relationships.block(deps, caller, params.username)),
      {
        user: true,
        ...byUsername,
        ...describe('Block; ends follows between the two', 'Relationships'),
      },
    )
    .post(
      '/users/unblock/:username',
      ({ caller, params, set }) => noContent(set, relationships.unblock(deps, caller, params.username)),
      {
        user: true,
        ...byUsername,
        ...describe('Unblock', 'Relationships'),
      },
    )
    .post(
      '/users/mute/:username',
      ({ caller, params, set }) => noContent(set, relationships.mute(deps, caller, params.username)),
      {
        user: true,
        ...byUsername,
        ...describe('Mute', 'Relationships'),
      },
    )
    .post(
      '/users/unmute/:username',
      ({ caller, params, set }) => noContent(set, relationships.unmute(deps, caller, params.username)),
      {
        user: true,
        ...byUsername,
        ...describe('Unmute', 'Relationships'),
      },
    )
    .get(
      '/users/:username/followees',
      async ({ params, query, request, set }) =>
        paged(set, request, await relationships.listFollowees(deps, params.username, query)),
      {
        public: true,
        ...byUsername,
        query: PageQuery,
        response: model.ProfilePage,
        ...describe('Whom somebody follows, newest first', 'Relationships'),
      },
    )
    .get(
      '/users/:username/followers',
      async ({ params, query, request, set }) =>
        paged(set, request, await relationships.listFollowers(deps, params.username, query)),
      {
        public: true,
        ...byUsername,
        query: PageQuery,
        response: model.ProfilePage,
        ...describe('Who follows somebody, newest first', 'Relationships'),
      },
    )

    .get('/features', ({ caller }) => service.readFeatures(deps, caller), {
      optionalUser: true,
      response: model.Features,
      ...describe('Feature flags, as they are for whoever asks', 'Features'),
    })

    .use(operatorRoutes(deps))
    .use(roleRoutes(deps));
