import { admittedPerson } from '#kit/auth/app-access';
import { bearerTokenIn } from '#kit/auth/bearer';
import { coversScope } from '#kit/auth/scopes';
import { uuidv7 } from '#kit/core/ids';
import type { WebSocketEvents } from '#kit/http/streams/websockets';
import { identityKey } from '#kit/text/identity';
import type { ChatDeps } from '../deps';
import { duplicateFrame, joinedFrame, recoveredFrame, signalFrame } from '../live/frames';
import type { RoomChannel } from '../live/room-channel';
import type { MessageClient } from '../messages/client-scope';
import type { Draft } from '../messages/store';
import { ANONYMOUS_ID } from '../messages/views';
import { findOrCreateRoom } from '../rooms/service';
import type { RoomRow } from '../rooms/store';
import { CLOSE } from './close-codes';
import { type Connection, createConnection } from './connection';
import { withConnectionLimit } from './limits';
import { ChatFull, type Handshake, type InboundMessage, OriginRefused, UpgradeRequired } from './model';
import { isAllowedOrigin, readSubprotocols } from './rules';

/** In rooms with more connections on this instance, `joined` and `left` are not sent. */
const MAX_ANNOUNCED_CONNECTIONS = 100;

/** What an app needs to connect, and to send anything. */
export const READ_SCOPE = 'read:chat';
const WRITE_SCOPE = 'write:chat';

export interface HandshakeRequest {
  readonly headers: Headers;
  readonly address: string;
  readonly roomName: string;
  readonly query: Handshake;
}

/**
 * Decides everything before the WebSocket opens, so that a refusal is an HTTP response with its reason.
 *
 * @throws UpgradeRequired, OriginRefused, ChatFull, Unauthenticated, InsufficientScope
 */
export async function admitConnection(
  deps: ChatDeps,
  request: HandshakeRequest,
): Promise<{ events: WebSocketEvents; protocol: string | null }> {
  const { headers, address, query } = request;
  assertAdmissible(deps, headers);
  const { protocol, token: offered } = readSubprotocols(headers.get('sec-websocket-protocol'));
  const token = bearerTokenIn(headers.get('authorization')) ?? offered ?? query.token ?? null;
  const caller = token === null ? null : admittedPerson(await deps.tokens.identify(token), READ_SCOPE);
  const mayWrite = caller?.app === undefined || coversScope(caller.app.scopes, WRITE_SCOPE);
  const owner = { personId: caller?.id ?? null, address };
  if (deps.shares.refusal(owner) === 'full') throw chatFull();
  const room = await findOrCreateRoom(deps, caller, request.roomName);
  const channel = await deps.live.open(room);
  const start = startPosition(query, room, deps.recoveryLimit);
  const user = caller === null ? undefined : { id: caller.id, username: caller.username };
  const client = { user, address, session: query.session };
  const { events } = createConnection({
    caller,
    token,
    tokens: deps.tokens,
    position: start.position,
    messagesPerSecond: deps.messagesPerSecond,
    now: () => performance.now(),
    onOpen: (connection) => join(deps, channel, connection, start.recovered),
    onClose(connection, why) {
      deps.live.left(channel, connection, why);
      if (isAnnounced(channel)) deps.live.publishSignal(room, signalFrame('left', room, connection.user));
    },
    async onMessage(message) {
      if (caller !== null) admittedPerson(caller, WRITE_SCOPE);
      const { row, isNew } = await deps.writer.write(room, draftOf(deps, client, message));
      return isNew ? undefined : duplicateFrame(room, row);
    },
    onTyping() {
      if (mayWrite) deps.live.publishSignal(room, signalFrame('typing', room, user));
    },
  });
  return { events: withConnectionLimit(events, deps.shares, owner, deps.live.countRejected), protocol };
}

/** @throws UpgradeRequired, OriginRefused, ChatFull */
function assertAdmissible(deps: ChatDeps, headers: Headers): void {
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket')
    throw new UpgradeRequired({
      detail: 'Connect with a WebSocket client.',
      headers: { upgrade: 'websocket', connection: 'Upgrade' },
    });
  if (!isAllowedOrigin(deps.origins, headers)) throw new OriginRefused();
  if (deps.runtime.closing.aborted) throw chatFull();
}

const chatFull = () => new ChatFull({ detail: 'Reconnect in a moment.', headers: { 'retry-after': '1' } });

/** @returns `recovered` is undefined unless the client asked for recovery */
function startPosition(
  query: Handshake,
  room: RoomRow,
  limit: number,
): { position: number; recovered?: boolean } {
  const after = query.after_seq;
  if (after === undefined) return { position: room.lastSeq };
  const isSameEpoch = query.epoch === undefined || query.epoch === room.epoch;
  const recovered = isSameEpoch && after <= room.lastSeq && room.lastSeq - after <= limit;
  return { position: recovered ? after : room.lastSeq, recovered };
}

function join(
  deps: ChatDeps,
  channel: RoomChannel,
  connection: Connection,
  recovered: boolean | undefined,
): void {
  const { room } = channel;
  if (isAnnounced(channel)) deps.live.publishSignal(room, joinedFrame(room, connection.user));
  connection.send(joinedFrame(room, connection.user, { seq: connection.position }));
  if (recovered !== undefined) connection.send(recoveredFrame(room, recovered, connection.position));
  void channel.join(connection);
  deps.live.joined(channel);
  if (deps.runtime.closing.aborted) connection.close(CLOSE.shutdown);
}

const isAnnounced = (channel: RoomChannel): boolean => channel.connections.size <= MAX_ANNOUNCED_CONNECTIONS;

function draftOf(deps: ChatDeps, client: MessageClient, message: InboundMessage): Draft {
  const { client_id } = message;
  return {
    id: uuidv7(),
    senderId: client.user?.id ?? ANONYMOUS_ID,
    username: client.user?.username ?? null,
    message: message.message,
    phoneNumber: message.phone_number ?? null,
    avatar: message.avatar ?? null,
    clientId: client_id ?? null,
    clientKey: client_id === undefined ? null : identityKey(client_id, 'distinguish'),
    clientScope: client_id === undefined ? null : deps.clientScope(client, message.message),
  };
}
