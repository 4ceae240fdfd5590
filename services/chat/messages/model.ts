import { FormatRegistry, type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { webUrl } from '#kit/text/fields';
import { isBlank } from '#kit/text/visible';
import { RoomName, Timestamp } from '../rooms/model';

export const MessageNotFound = defineProblem('chat.message-not-found', 404, 'Message not found');
export const NotTheAuthor = defineProblem('chat.not-the-author', 403, 'Not the author of this message');
export const MessageRefused = defineProblem('chat.message-refused', 422, 'Message cannot be stored');
export const RoomBusy = defineProblem('chat.room-busy', 503, 'Room overloaded');

/** The column's limit, in bytes. */
const MAX_TEXT_BYTES = 65_535;
const WELL_FORMED = 'chat-text';
const VISIBLE = 'visible-chat-text';
/** A lone surrogate cannot be stored as UTF-8: live frames must equal what is read back later. */
const isWellFormed = (value: string) => value.isWellFormed() && Buffer.byteLength(value) <= MAX_TEXT_BYTES;
FormatRegistry.Set(WELL_FORMED, isWellFormed);

FormatRegistry.Set(VISIBLE, (value) => isWellFormed(value) && !isBlank(value));

export const MessageText = Type.String({
  minLength: 1,
  maxLength: MAX_TEXT_BYTES,
  format: VISIBLE,
  description: 'Not blank, and at most 65,535 bytes as UTF-8',
  error: '1 to 65535 bytes of valid Unicode, not blank',
});
export const PhoneNumber = (description: string) =>
  nullable(Type.String({ maxLength: 32, format: WELL_FORMED }), { description });
export const AvatarUrl = (description: string) => nullable(webUrl(), { description });

export const Sender = Type.Object({ id: Type.String(), username: Type.String() });
export type Sender = Static<typeof Sender>;

export const Message = Type.Object({
  id: Type.String(),
  seq: Type.Integer({ description: 'Numbers the messages and changes of a room, from 1, without gaps' }),
  room: Type.String(),
  message: Type.String({ description: 'Empty when the message is deleted' }),
  phone_number: nullable(Type.String(), { description: 'As sent by the client' }),
  avatar: nullable(Type.String(), { description: 'As sent by the client: an http or https URL' }),
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
