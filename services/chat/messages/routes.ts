import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { ChatDeps } from '../deps';
import { RoomParams } from '../rooms/model';
import * as model from './model';
import * as service from './service';

const byMessage = { params: model.MessageParams };

export const messageRoutes = (deps: ChatDeps) =>
  new Elysia({ name: 'messages' })
    .use(access(deps.tokens))
    .get(
      '/rooms/:room_name/messages',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await service.listMessages(deps, caller, params.room_name, query)),
      {
        optionalUser: true,
        scope: 'read:chat',
        params: RoomParams,
        query: model.MessageQuery,
        response: model.MessagePage,
        ...describe(
          'List the newest messages, or those after or before a number; always oldest first',
          'Messages',
        ),
      },
    )
    .patch(
      '/rooms/:room_name/messages/:message_id',
      ({ caller, params, body }) => service.editMessage(deps, caller, params, body.message),
      {
        user: true,
        scope: 'write:chat',
        ...byMessage,
        body: model.MessageEdit,
        response: model.Message,
        ...describe('Edit my message', 'Messages'),
      },
    )
    .delete(
      '/rooms/:room_name/messages/:message_id',
      ({ caller, params, set }) => noContent(set, service.deleteMessage(deps, caller, params)),
      {
        user: true,
        scope: 'write:chat',
        ...byMessage,
        ...describe('Delete my message; moderators may delete any', 'Messages'),
      },
    );
