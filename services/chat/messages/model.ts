import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/pagination';
import { nullable } from '#kit/http/schemas';
import { RoomName, Timestamp } from '../rooms/model';

export const MessageNotFound = defineProblem('chat.message-not-found', 404, 'Message not found');
export const NotTheAuthor = defineProblem('chat.not-the-author', 403, 'Not the author of this message');
export const RoomBusy = defineProblem('chat.room-busy', 503, 'Room overloaded');

/** As JSON it always fits into a frame of 64 KiB. */
export const MessageText = Type.String({ minLength: 1, maxLength: 65_535 });
export const PhoneNumber = (description: string) => nullable(Type.String({ maxLength: 32 }), { description });
export const AvatarUrl = (description: string) => nullable(Type.String({ maxLength: 2048 }), { description });

export const Sender = Type.Object({ id: Type.String(), username: Type.String() });
export type Sender = Static<typeof Sender>;

export const Message = Type.Object({
  id: Type.String(),
  seq: Type.Integer({ description: 'Numbers the messages and changes of a room, from 1, without gaps' }),
  room: Type.String(),
  message: Type.String({ description: 'Empty when the message is deleted' }),
  phone_number: PhoneNumber('As sent by the client'),
  avatar: AvatarUrl('As sent by the client'),
  user: Type.Optional(Sender),
  sent_at: Timestamp,
  client_id: Type.Optional(Type.String()),
  edited_at: Type.Optional(Timestamp),
  deleted_at: Type.Optional(Timestamp),
});
export type Message = Static<typeof Message>;
export const MessagePage = PageOf(Message);

export const MessageQuery = Type.Composite([
  PageQuery,
  Type.Object({
    after_seq: Type.Optional(
      t.Integer({ minimum: 0, description: 'Messages after this number, oldest first' }),
    ),
    before_seq: Type.Optional(
      t.Integer({ minimum: 1, description: 'The newest messages before this number' }),
    ),
  }),
]);
export type MessageQuery = Static<typeof MessageQuery>;

export const MessageEdit = Type.Object({ message: MessageText });

export const MessageParams = Type.Object({
  room_name: RoomName,
  message_id: Type.String({ maxLength: 36 }),
});
