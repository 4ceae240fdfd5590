import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/pagination';
import { noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import { ProfilePage } from '../accounts/model';
import type { UsersDeps } from '../deps';
import * as service from './service';

const byUsername = { params: Type.Object({ username: Type.String({ maxLength: 30 }) }) };

export const relationshipRoutes = (deps: UsersDeps) =>
  new Elysia({ name: 'relationships' })
    .use(access(deps.tokens))

    .post(
      '/users/follow/:username',
      ({ caller, params, set }) => noContent(set, service.follow(deps, caller, params.username)),
      { user: true, ...byUsername, ...describe('Follow a user (idempotent)', 'Relationships') },
    )
    .post(
      '/users/unfollow/:username',
      ({ caller, params, set }) => noContent(set, service.unfollow(deps, caller, params.username)),
      { user: true, ...byUsername, ...describe('Unfollow a user', 'Relationships') },
    )
    .post(
      '/users/block/:username',
      ({ caller, params, set }) => noContent(set, service.block(deps, caller, params.username)),
      {
        user: true,
        ...byUsername,
        ...describe('Block a user and end the follows in both directions', 'Relationships'),
      },
    )
    .post(
      '/users/unblock/:username',
      ({ caller, params, set }) => noContent(set, service.unblock(deps, caller, params.username)),
      { user: true, ...byUsername, ...describe('Unblock a user', 'Relationships') },
    )
    .post(
      '/users/mute/:username',
      ({ caller, params, set }) => noContent(set, service.mute(deps, caller, params.username)),
      { user: true, ...byUsername, ...describe('Mute a user', 'Relationships') },
    )
    .post(
      '/users/unmute/:username',
      ({ caller, params, set }) => noContent(set, service.unmute(deps, caller, params.username)),
      { user: true, ...byUsername, ...describe('Unmute a user', 'Relationships') },
    )
    .get(
      '/users/:username/followees',
      async ({ params, query, request, set }) =>
        paged(set, request, await service.listFollowees(deps, params.username, query)),
      {
        public: true,
        ...byUsername,
        query: PageQuery,
        response: ProfilePage,
        ...describe('List the users that a user follows, newest follow first', 'Relationships'),
      },
    )
    .get(
      '/users/:username/followers',
      async ({ params, query, request, set }) =>
        paged(set, request, await service.listFollowers(deps, params.username, query)),
      {
        public: true,
        ...byUsername,
        query: PageQuery,
        response: ProfilePage,
        ...describe('List the followers of a user, newest follow first', 'Relationships'),
      },
    );
