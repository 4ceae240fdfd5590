import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/lists/pagination';
import { accepted, noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import { usernameKey } from '#kit/text/identity';
import { ProfilePage } from '../accounts/model';
import type { UsersDeps } from '../deps';
import * as model from './model';
import * as service from './service';

const byUsername = { params: Type.Object({ username: Type.String({ maxLength: 30 }) }) };

export const relationshipRoutes = (deps: UsersDeps) =>
  new Elysia({ name: 'relationships' })
    .use(access(deps.tokens))

    .post(
      '/users/follow/:username',
      async ({ caller, params, set }) => {
        const state = await service.follow(deps, caller, params.username);
        if (state.requested)
          return accepted(set, `/users/${usernameKey(params.username)}/relationship`, state);
        set.status = 204;
        return undefined;
      },
      {
        user: true,
        scope: 'write:follows',
        ...byUsername,
        response: { 202: model.FollowState, 204: Type.Void() },
        ...describe(
          'Follow a user (idempotent; a locked profile is asked for approval and answered with 202)',
          'Relationships',
        ),
      },
    )
    .post(
      '/users/unfollow/:username',
      ({ caller, params, set }) => noContent(set, service.unfollow(deps, caller, params.username)),
      {
        user: true,
        scope: 'write:follows',
        ...byUsername,
        ...describe('Unfollow a user or withdraw the request', 'Relationships'),
      },
    )
    .post(
      '/users/block/:username',
      ({ caller, params, set }) => noContent(set, service.block(deps, caller, params.username)),
      {
        user: true,
        scope: 'write:blocks',
        ...byUsername,
        ...describe('Block a user and end the follows and requests in both directions', 'Relationships'),
      },
    )
    .post(
      '/users/unblock/:username',
      ({ caller, params, set }) => noContent(set, service.unblock(deps, caller, params.username)),
      { user: true, scope: 'write:blocks', ...byUsername, ...describe('Unblock a user', 'Relationships') },
    )
    .post(
      '/users/mute/:username',
      ({ caller, params, set }) => noContent(set, service.mute(deps, caller, params.username)),
      { user: true, scope: 'write:mutes', ...byUsername, ...describe('Mute a user', 'Relationships') },
    )
    .post(
      '/users/unmute/:username',
      ({ caller, params, set }) => noContent(set, service.unmute(deps, caller, params.username)),
      { user: true, scope: 'write:mutes', ...byUsername, ...describe('Unmute a user', 'Relationships') },
    )
    .get(
      '/users/me/follow-requests',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listFollowRequests(deps, caller, query)),
      {
        user: true,
        scope: 'read:follows',
        query: PageQuery,
        response: ProfilePage,
        ...describe('List the users who ask to follow me, newest request first', 'Relationships'),
      },
    )
    .post(
      '/users/me/follow-requests/:username/authorize',
      ({ caller, params, set }) =>
        noContent(set, service.authorizeFollowRequest(deps, caller, params.username)),
      {
        user: true,
        scope: 'write:follows',
        ...byUsername,
        ...describe('Authorize a follow request (idempotent)', 'Relationships'),
      },
    )
    .post(
      '/users/me/follow-requests/:username/reject',
      ({ caller, params, set }) => noContent(set, service.rejectFollowRequest(deps, caller, params.username)),
      {
        user: true,
        scope: 'write:follows',
        ...byUsername,
        ...describe('Reject a follow request (idempotent)', 'Relationships'),
      },
    )
    .get(
      '/users/:username/relationship',
      ({ caller, params }) => service.readRelationship(deps, caller, params.username),
      {
        user: true,
        scope: 'read:follows',
        ...byUsername,
        response: model.Relationship,
        ...describe('Get my relationship with a user', 'Relationships'),
      },
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
