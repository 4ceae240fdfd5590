import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { created, noContent, paged } from '#kit/http/responses';
import { upgradeToWebSocket } from '#kit/http/websockets';
import { type EntranceDeps, enter } from './entrance';
import * as model from './model';
import * as ownedRooms from './owned-rooms';
import * as service from './service';

const byRoom = { params: model.RoomParameters };
const byMember = { params: model.MemberParameters };
const byMessage = { params: model.MessageParameters };
const describe = (summary: string, tag = 'Rooms') => ({ detail: { summary, tags: [tag] } });

const SOCKET = `Frames are JSON texts of at most 64 KiB. Send \`{"message","phone_number"?,"avatar"?,"client_id"?}\` or
\`{"type":"typing"}\`. Everybody in the room gets \`message\`, \`edited\` and \`deleted\`, numbered together by \`seq\` without
gaps, and \`joined\` and \`left\` (in rooms of up to 100 connections) and \`typing\`; the sender alone \`error\`, and \`duplicate\` for a \`client_id\` that was said before.
The first frame is your own \`joined\` with \`seq\` and \`epoch\`. With \`?after_seq=\` the answer is \`recovered\`: true, and
all that was missed follows; false, and it is to be fetched from \`/rooms/{room_name}/messages\`.

Close codes: 3001 this instance ends, 3004 the room was renewed, 3005 the token has ended, 3008 read too slowly, 3010 the
history is away, 3012 no pong: connect again. 3500 token revoked, 3501 not text, 3504 too many
connections of this person, or this address without one, 3507 not a member, 3509 too many invalid
frames, 3510 too many messages: do not.

A token goes into \`Authorization\`, \`?token=\`, or a subprotocol: \`rookery.chat, rookery.token.<token>\`.`;

export const chat = (deps: EntranceDeps) =>
  new Elysia({ name: 'chat' })
    .use(platform(deps.runtime, { description: 'Rooms to talk in, at once and without losing a word.' }))
    .use(access(deps.tokens))

    .get(
      '/ws/:room_name',
      async ({ request, server, params, query }) => {
        const { address } = readClient(request, server);
        const asked = { headers: request.headers, address, roomName: params.room_name, query };
        const entered = await enter(deps, asked);
        if (!upgradeToWebSocket(request, server, entered)) throw new model.HandshakeNeeded();
      },
      {
        optionalUser: true,
        ...byRoom,
        query: model.Handshake,
        detail: { summary: 'Enter a room (WebSocket)', description: SOCKET, tags: ['Chat'] },
      },
    )

    .get(
      '/rooms',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listRooms(deps, caller, query)),
      {
        optionalUser: true,
        query: PageQuery,
        response: model.RoomPage,
        ...describe('Public rooms and those I am a member of, by name'),
      },
    )
    .post(
      '/rooms',
      async ({ caller, body, set }) => {
        const room = await ownedRooms.createRoom(deps, caller, body);
        return created(set, `/rooms/${encodeURIComponent(room.name)}/info`, room);
      },
      {
        user: true,
        body: model.NewRoom,
        response: { 201: model.Room },
        ...describe('Make a room; public ones also come to be by being entered'),
      },
    )
    .get('/rooms/:room_name/info', ({ caller, params }) => service.readInfo(deps, caller, params.room_name), {
      optionalUser: true,
      ...byRoom,
      response: model.RoomInfo,
      ...describe('Who is in a room, over all instances'),
    })
    .get(
      '/rooms/:room_name/messages',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await service.listMessages(deps, caller, params.room_name, query)),
      {
        optionalUser: true,
        ...byRoom,
        query: model.MessageQuery,
        response: model.MessagePage,
        ...describe(
          'The newest messages, or those after or before a number; always the oldest first',
          'Messages',
        ),
      },
    )
    .patch(
      '/rooms/:room_name/messages/:message_id',
      ({ caller, params, body }) =>
        service.editMessage(deps, caller, { room: params.room_name, id: params.message_id }, body.message),
      {
        user: true,
        ...byMessage,
        body: model.EditedText,
        response: model.Message,
        ...describe('Edit my message', 'Messages'),
      },
    )
    .delete(
      '/rooms/:room_name/messages/:message_id',
      ({ caller, params, set }) =>
        noContent(
          set,
          service.deleteMessage(deps, caller, { room: params.room_name, id: params.message_id }),
        ),
      { user: true, ...byMessage, ...describe('Delete my message; moderators may delete any', 'Messages') },
    )

    .get(
      '/rooms/:room_name/members',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await ownedRooms.listMembers(deps, caller, params.room_name, query)),
      {
        user: true,
        ...byRoom,
        query: PageQuery,
        response: model.MemberPage,
        ...describe('Members of a room that was made', 'Members'),
      },
    )
    .put(
      '/rooms/:room_name/members/:username',
      ({ caller, params, set }) =>
        noContent(
          set,
          ownedRooms.addMember(deps, caller, { room: params.room_name, username: params.username }),
        ),
      { user: true, ...byMember, ...describe('Add a member to my room; again changes nothing', 'Members') },
    )
    .delete(
      '/rooms/:room_name/members/:username',
      ({ caller, params, set }) =>
        noContent(
          set,
          ownedRooms.removeMember(deps, caller, { room: params.room_name, username: params.username }),
        ),
      { user: true, ...byMember, ...describe('Leave a room, or remove a member of mine', 'Members') },
    );
