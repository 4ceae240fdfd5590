import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { describe } from '#kit/http/route-docs';
import { upgradeToWebSocket } from '#kit/http/streams/websockets';
import type { ChatDeps } from '../deps';
import { RoomParams } from '../rooms/model';
import { admitConnection, READ_SCOPE } from './handshake';
import { Handshake, UpgradeRequired } from './model';

const PROTOCOL = `Frames are JSON texts of at most 64 KiB. Send \`{"message","phone_number"?,"avatar"?,"client_id"?}\` or
\`{"type":"typing"}\`. Every connection in the room receives \`message\`, \`edited\` and \`deleted\`, numbered together by \`seq\` without
gaps, and \`joined\` and \`left\` (in rooms of up to 100 connections) and \`typing\`; only the sender receives \`error\`, and
\`duplicate\` for a \`client_id\` that was stored before.
The first frame is your own \`joined\` with \`seq\` and \`epoch\`. With \`?after_seq=\` the second one is \`recovered\`: if true,
everything that was missed follows; if false, fetch it from \`/rooms/{room_name}/messages\`.

Close codes after which to reconnect: 3001 instance shuts down, 3004 room was replaced, 3005 token expired, 3008 client reads too
slowly, 3010 history unavailable, 3012 no pong. Close codes after which not to: 3500 token revoked, 3501 not a text frame,
3504 too many connections of this user, or of this address without one, 3507 not a member, 3509 too many invalid frames,
3510 too many messages.

Without a token, choose a random \`?session=\` and repeat it when you reconnect: it keeps your \`client_id\`s apart from those of
others at your address.

An app that may read (\`read:chat\`) and not write (\`write:chat\`) receives \`error\` for what it sends.

Send a token in \`Authorization\`, \`?token=\`, or a subprotocol: \`rookery.chat, rookery.token.<token>\`.`;

export const connectionRoutes = (deps: ChatDeps) =>
  new Elysia({ name: 'connections' }).use(access(deps.tokens)).get(
    '/ws/:room_name',
    async ({ request, server, params, query }) => {
      const { address } = readClient(request, server);
      const admitted = await admitConnection(deps, {
        headers: request.headers,
        address,
        roomName: params.room_name,
        query,
      });
      if (!upgradeToWebSocket(request, server, admitted)) throw new UpgradeRequired();
    },
    {
      optionalUser: true,
      scope: READ_SCOPE,
      params: RoomParams,
      query: Handshake,
      ...describe('Join a room (WebSocket)', 'Chat', {
        description: PROTOCOL,
        responses: { 101: { description: 'The connection is a WebSocket' } },
      }),
    },
  );
