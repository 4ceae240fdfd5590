import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/lists/pagination';
import { created, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { ChatDeps } from '../deps';
import * as model from './model';
import * as service from './service';

export const roomRoutes = (deps: ChatDeps) =>
  new Elysia({ name: 'rooms' })
    .use(access(deps.tokens))
    .get(
      '/rooms',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listRooms(deps, caller, query)),
      {
        optionalUser: true,
        scope: 'read:chat',
        query: PageQuery,
        response: model.RoomPage,
        ...describe('List public rooms and the private ones I am a member of, by name', 'Rooms'),
      },
    )
    .post(
      '/rooms',
      async ({ caller, body, set }) => {
        const room = await service.createRoom(deps, caller, body);
        return created(set, `/rooms/${encodeURIComponent(room.name)}/info`, room);
      },
      {
        user: true,
        scope: 'write:chat',
        body: model.NewRoom,
        response: { 201: model.Room },
        ...describe('Create a room; joining an unknown name creates a public one as well', 'Rooms'),
      },
    )
    .get(
      '/rooms/:room_name/info',
      ({ caller, params }) => service.readRoomInfo(deps, caller, params.room_name),
      {
        optionalUser: true,
        scope: 'read:chat',
        params: model.RoomParams,
        response: model.RoomInfo,
        ...describe('Get a room with its presence across all instances', 'Rooms'),
      },
    );
