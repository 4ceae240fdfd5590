import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/lists/pagination';
import { noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { ChatDeps } from '../deps';
import { RoomParams } from '../rooms/model';
import { MemberPage, MemberParams } from './model';
import * as service from './service';

export const memberRoutes = (deps: ChatDeps) =>
  new Elysia({ name: 'members' })
    .use(access(deps.tokens))
    .get(
      '/rooms/:room_name/members',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await service.listMembers(deps, caller, params.room_name, query)),
      {
        user: true,
        scope: 'read:chat',
        params: RoomParams,
        query: PageQuery,
        response: MemberPage,
        ...describe('List the members of a room', 'Members'),
      },
    )
    .put(
      '/rooms/:room_name/members/:username',
      ({ caller, params, set }) => noContent(set, service.addMember(deps, caller, params)),
      {
        user: true,
        scope: 'write:chat',
        params: MemberParams,
        ...describe(
          'Add somebody who follows me to my room, and invite anybody else (idempotent)',
          'Members',
        ),
      },
    )
    .delete(
      '/rooms/:room_name/members/:username',
      ({ caller, params, set }) => noContent(set, service.removeMember(deps, caller, params)),
      {
        user: true,
        scope: 'write:chat',
        params: MemberParams,
        ...describe('Leave a room, or remove a member or an invitation from mine', 'Members'),
      },
    );
