import { FormatRegistry, type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { isPathSegment } from '#kit/text/path-segment';
import { text } from '#kit/text/schema';

export const NotTheOwner = defineProblem('chat.not-the-owner', 403, 'Not the owner of this room');
export const RoomNotFound = defineProblem('chat.room-not-found', 404, 'Room not found');
export const RoomExists = defineProblem('chat.room-exists', 409, 'Room name already taken');

const ROOM_NAME = 'chat-room-name';
const visibleName = text({ max: 64 }, { examples: ['lobby'] });
const isVisibleName = TypeCompiler.Compile(visibleName);
/** A name is part of URLs: one that the gateway refuses in a path could never be reached. */
FormatRegistry.Set(
  ROOM_NAME,
  (name) => isVisibleName.Check(name) && !/\p{Cc}/u.test(name) && isPathSegment(name.trim()),
);

export const RoomName = Type.String({
  ...visibleName,
  format: ROOM_NAME,
  description: '1 to 64 visible characters, usable as one segment of a path',
  error: '1 to 64 visible characters; no slashes, dot segments or percent-encoding',
});
export const Username = text({ max: 30, maxUnits: 30 }, { examples: ['ada'] });
export const Timestamp = Type.String({ format: 'date-time' });

export const NewRoom = Type.Object({
  name: RoomName,
  private: Type.Optional(Type.Boolean({ default: false })),
  members: Type.Optional(
    Type.Array(Username, {
      maxItems: 100,
      description: 'Who is added besides the owner; people who do not follow the owner are invited instead',
    }),
  ),
});
export type NewRoom = Static<typeof NewRoom>;

export const Room = Type.Object({
  name: Type.String(),
  private: Type.Boolean(),
  last_seq: Type.Integer(),
  created_at: Timestamp,
});
export type Room = Static<typeof Room>;
export const RoomPage = PageOf(Room);

export const RoomInfo = Type.Object({
  room: Type.String(),
  active_connections: Type.Integer({ description: 'Across all instances' }),
  members: Type.Array(Type.String(), {
    description: 'Distinct usernames of the authenticated connections',
  }),
  private: Type.Boolean(),
  last_seq: Type.Integer(),
});
export type RoomInfo = Static<typeof RoomInfo>;

export const RoomParams = Type.Object({ room_name: RoomName });
