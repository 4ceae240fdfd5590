import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/pagination';

export const OriginRefused = defineProblem(
  'chat.origin-refused',
  403,
  'Pages of this origin may not connect here',
);
export const NotAMember = defineProblem('chat.not-a-member', 403, 'This room is for its members');
export const NotTheOwner = defineProblem('chat.not-the-owner', 403, 'Only the owner of a room decides this');
export const RoomNotFound = defineProblem('chat.room-not-found', 404, 'There is no such room');
export const RoomExists = defineProblem('chat.room-exists', 409, 'There is a room of this name already');
export const MessageNotFound = defineProblem('chat.message-not-found', 404, 'There is no such message');
export const NotTheAuthor = defineProblem('chat.not-the-author', 403, 'The message is somebody else’s');
export const HandshakeNeeded = defineProblem(
  'chat.upgrade-required',
  426,
  'This address speaks WebSocket only',
);
export const ChatFull = defineProblem('chat.full', 503, 'No more connections are taken at the moment');
export const RoomBusy = defineProblem(
  'chat.room-busy',
  503,
  'More is being said in this room than can be kept',
);

export const RoomName = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[^\\u0000-\\u001f\\u007f/\\\\]+$',
  error: 'One to 64 characters, no slashes or control characters',
  examples: ['lobby'],
});
const Username = Type.String({ minLength: 1, maxLength: 30, examples: ['ada'] });
const Nullable = (maxLength: number, description: string) =>
  Type.Union([Type.String({ maxLength }), Type.Null()], { description });
const Moment = Type.String({ format: 'date-time' });
/** JSON holds it in a frame of 64 KiB, so that it always fits. */
const Text = Type.String({ minLength: 1, maxLength: 65_535 });

/** What clients send. A frame without a type is a message. */
export const Inbound = Type.Union([
  Type.Object({
    type: Type.Optional(Type.Literal('message')),
    message: Text,
    phone_number: Type.Optional(Nullable(32, 'Shown beside the message')),
    avatar: Type.Optional(Nullable(2048, 'Where a picture of the sender is')),
    client_id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'Sent again with the same one, it is said once',
      }),
    ),
  }),
  Type.Object({ type: Type.Literal('typing') }),
]);
export type Inbound = Static<typeof Inbound>;

export const Sender = Type.Object({ id: Type.String(), username: Type.String() });
export type Sender = Static<typeof Sender>;

const messageFields = {
  id: Type.String(),
  seq: Type.Integer({ description: 'Counts messages and changes of a room, from 1, without gaps' }),
  room: Type.String(),
  message: Type.String({ description: 'Empty when it was deleted' }),
  phone_number: Nullable(32, 'As the sender gave it'),
  avatar: Nullable(2048, 'As the sender gave it'),
  user: Type.Optional(Sender),
  sent_at: Moment,
  client_id: Type.Optional(Type.String()),
};
export const Message = Type.Object({
  ...messageFields,
  edited_at: Type.Optional(Moment),
  deleted_at: Type.Optional(Moment),
});
export type Message = Static<typeof Message>;
export const MessagePage = PageOf(Message);

export const MessageQuery = Type.Composite([
  PageQuery,
  Type.Object({
    after_seq: Type.Optional(
      t.Integer({ minimum: 0, description: 'Messages after this one, the oldest first' }),
    ),
    before_seq: Type.Optional(t.Integer({ minimum: 1, description: 'The newest messages before this one' })),
  }),
]);
export type MessageQuery = Static<typeof MessageQuery>;

export const EditedText = Type.Object({ message: Text });

export const NewRoom = Type.Object({
  name: RoomName,
  private: Type.Optional(Type.Boolean({ default: false })),
  members: Type.Optional(
    Type.Array(Username, { maxItems: 100, description: 'Who may enter a private room besides its owner' }),
  ),
});
export type NewRoom = Static<typeof NewRoom>;

export const Room = Type.Object({
  name: Type.String(),
  private: Type.Boolean(),
  last_seq: Type.Integer(),
  created_at: Moment,
});
export type Room = Static<typeof Room>;
export const RoomPage = PageOf(Room);

export const RoomInfo = Type.Object({
  room: Type.String(),
  active_connections: Type.Integer({ description: 'Over all instances' }),
  members: Type.Array(Type.String(), {
    description: 'Usernames of who is connected and signed in, each once',
  }),
  private: Type.Boolean(),
  last_seq: Type.Integer(),
});
export type RoomInfo = Static<typeof RoomInfo>;

export const Member = Type.Object({ username: Type.String(), added_at: Moment });
export type Member = Static<typeof Member>;
export const MemberPage = PageOf(Member);

export const RoomParameters = Type.Object({ room_name: RoomName });
export const MemberParameters = Type.Object({ room_name: RoomName, username: Username });
export const MessageParameters = Type.Object({
  room_name: RoomName,
  message_id: Type.String({ maxLength: 36 }),
});

export const Handshake = Type.Object({
  after_seq: Type.Optional(
    t.Integer({ minimum: 0, description: 'The last seq that was seen: everything after it comes first' }),
  ),
  epoch: Type.Optional(
    Type.String({ maxLength: 36, description: 'Of the room that seq was of, as the `joined` frame said' }),
  ),
  token: Type.Optional(
    Type.String({ maxLength: 8_192, description: 'An access token, where no header can be set' }),
  ),
});
export type Handshake = Static<typeof Handshake>;
