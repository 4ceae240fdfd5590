import { shownWebUrl } from '#kit/text/web-url';
import type { Sender } from './model';
import type { MessageRow } from './store';

/** The sender of messages without authentication, and of those whose author was erased. */
export const ANONYMOUS_ID = '00000000-0000-0000-0000-000000000000';

/** A message in frames and lists. */
export const messageView = (room: string, row: MessageRow) => ({
  id: row.id,
  seq: row.seq,
  room,
  message: row.message,
  phone_number: row.phoneNumber,
  avatar: shownWebUrl(row.avatar),
  ...senderOf(row),
  sent_at: row.sentAt.toISOString(),
  ...(row.clientId !== null && { client_id: row.clientId }),
  ...(row.editedAt !== null && { edited_at: row.editedAt.toISOString() }),
  ...(row.deletedAt !== null && { deleted_at: row.deletedAt.toISOString() }),
});

const senderOf = (row: MessageRow): { user?: Sender } =>
  row.senderId === ANONYMOUS_ID || row.username === null
    ? {}
    : { user: { id: row.senderId, username: row.username } };
