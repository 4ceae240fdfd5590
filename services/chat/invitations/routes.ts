import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/lists/pagination';
import { noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { ChatDeps } from '../deps';
import { Room, RoomParams } from '../rooms/model';
import * as model from './model';
import * as service from './service';

export const invitationRoutes = (deps: ChatDeps) =>
  new Elysia({ name: 'invitations' })
    .use(access(deps.tokens))
    .get(
      '/rooms/invitations',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listReceived(deps, caller, query)),
      {
        user: true,
        scope: 'read:chat',
        query: PageQuery,
        response: model.InvitationPage,
        ...describe('List my invitations to rooms, newest first', 'Invitations'),
      },
    )
    .post(
      '/rooms/invitations/:invitation_id/accept',
      ({ caller, params }) => service.accept(deps, caller, params.invitation_id),
      {
        user: true,
        scope: 'write:chat',
        params: model.InvitationParams,
        response: Room,
        ...describe('Accept an invitation, and become a member of the room', 'Invitations'),
      },
    )
    .delete(
      '/rooms/invitations/:invitation_id',
      ({ caller, params, set }) => noContent(set, service.decline(deps, caller, params.invitation_id)),
      {
        user: true,
        scope: 'write:chat',
        params: model.InvitationParams,
        ...describe('Decline an invitation', 'Invitations'),
      },
    )
    .get(
      '/rooms/:room_name/invitations',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await service.listSent(deps, caller, params.room_name, query)),
      {
        user: true,
        scope: 'read:chat',
        params: RoomParams,
        query: PageQuery,
        response: model.SentInvitationPage,
        ...describe('List the invitations to my room that wait for an answer, newest first', 'Invitations'),
      },
    );
