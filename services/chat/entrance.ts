import { bearerTokenIn } from '#kit/auth/bearer';
import type { TokenVerifier } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import type { WebSocketEvents } from '#kit/http/websockets';
import { CLOSE } from './close-codes';
import { type Connection, createConnection } from './connection';
import { duplicateFrame, joinedFrame, NOBODY, recoveredFrame, signFrame } from './frames';
import type { LiveRoom } from './live-room';
import type { MessageWriter } from './message-writer';
import type { Draft } from './messages-store';
import { ChatFull, type Handshake, HandshakeNeeded, type Inbound, OriginRefused, type Sender } from './model';
import { type Places, whereThereIsPlace } from './places';
import type { RoomRow } from './rooms-store';
import { isAllowedOrigin, type OriginRule, readProtocols } from './rules';
import { type ChatDeps, enterableRoom } from './service';

export interface EntranceDeps extends ChatDeps {
  readonly tokens: TokenVerifier;
  readonly writer: MessageWriter;
  readonly origins: OriginRule;
  readonly maxConnections: number;
  readonly places: Places;
  readonly messagesPerSecond: number;
  /** Who missed more than so many numbers has to fetch them. */
  readonly recoveryLimit: number;
}

/** In a room with more people here than this nobody is told of each who comes and goes. */
const ANNOUNCED_UP_TO = 100;

/**
 * Everything that is decided before a WebSocket opens, so that a refusal is an HTTP answer with its reason.
 *
 * @throws HandshakeNeeded, OriginRefused, ChatFull, Unauthenticated, NotAMember
 */
export async function enter(
  deps: EntranceDeps,
  request: { headers: Headers; address: string; roomName: string; query: Handshake },
): Promise<{ events: WebSocketEvents; protocol: string | null }> {
  const { headers, address, query } = request;
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket')
    throw new HandshakeNeeded({ headers: { upgrade: 'websocket', connection: 'Upgrade' } });
  if (!isAllowedOrigin(deps.origins, headers)) throw new OriginRefused();
  if (deps.runtime.closing.aborted || deps.live.size >= deps.maxConnections)
    throw new ChatFull({ headers: { 'retry-after': '1' } });
  const { protocol, token: offered } = readProtocols(headers.get('sec-websocket-protocol'));
  const token = bearerTokenIn(headers.get('authorization')) ?? offered ?? query.token ?? null;
  const caller = token === null ? null : await deps.tokens.verify(token);
  const room = await enterableRoom(deps, caller, request.roomName);
  const live = await deps.live.open(room);
  const start = startOf(query, room, deps.recoveryLimit);
  const { events } = createConnection({
    caller,
    token,
    tokens: deps.tokens,
    position: start.position,
    messagesPerSecond: deps.messagesPerSecond,
    now: () => performance.now(),
    opened: (connection) => opened(deps, live, connection, start.recovered),
    closed(connection, why) {
      deps.live.left(live, connection, why);
      if (isAnnounced(live)) deps.live.sign(room, signFrame('left', room, connection.user));
    },
    async say(message) {
      const sender = caller === null ? undefined : { id: caller.id, username: caller.username };
      const { row, isNew } = await deps.writer.write(room, draftOf(message, sender));
      return isNew ? undefined : duplicateFrame(room, row);
    },
    typing: () =>
      deps.live.sign(
        room,
        signFrame('typing', room, caller === null ? undefined : { id: caller.id, username: caller.username }),
      ),
  });
  const take = () => deps.places.take({ personId: caller?.id, address });
  return { events: whereThereIsPlace(events, take, deps.live.countEnded), protocol };
}

/** @returns `recovered` undefined when nothing was asked for */
function startOf(query: Handshake, room: RoomRow, limit: number): { position: number; recovered?: boolean } {
  const after = query.after_seq;
  if (after === undefined) return { position: room.lastSeq };
  const isSameRoom = query.epoch === undefined || query.epoch === room.epoch;
  const recovered = isSameRoom && after <= room.lastSeq && room.lastSeq - after <= limit;
  return { position: recovered ? after : room.lastSeq, recovered };
}

function opened(
  deps: EntranceDeps,
  live: LiveRoom,
  connection: Connection,
  recovered: boolean | undefined,
): void {
  const { room } = live;
  if (isAnnounced(live)) deps.live.sign(room, joinedFrame(room, connection.user));
  connection.send(joinedFrame(room, connection.user, { seq: connection.position }));
  if (recovered !== undefined) connection.send(recoveredFrame(room, recovered, connection.position));
  void live.enter(connection);
  deps.live.entered(live);
  if (deps.runtime.closing.aborted) connection.end(CLOSE.shutdown);
}

const isAnnounced = (live: LiveRoom): boolean => live.connections.size <= ANNOUNCED_UP_TO;

/** Half of a surrogate pair cannot be kept as UTF-8: what is sent at once must be what is read later. */
const draftOf = (message: Exclude<Inbound, { type: 'typing' }>, sender: Sender | undefined): Draft => ({
  id: uuidv7(),
  senderId: sender?.id ?? NOBODY,
  username: sender?.username ?? null,
  message: message.message.toWellFormed(),
  phoneNumber: message.phone_number?.toWellFormed() ?? null,
  avatar: message.avatar?.toWellFormed() ?? null,
  clientId: message.client_id?.toWellFormed() ?? null,
});
