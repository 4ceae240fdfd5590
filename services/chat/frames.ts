import type { ChangeRow, MessageRow } from './messages-store';
import type { Sender } from './model';
import type { RoomRow } from './rooms-store';

/** One number of a room's sequence, as it is sent to everybody. */
export interface SequencedFrame {
  readonly seq: number;
  readonly text: string;
}

/** Nobody signed in: the sender of anonymous messages, and of those whose author was erased. */
export const NOBODY = '00000000-0000-0000-0000-000000000000';

/** A message as frames and lists show it. */
export const messageView = (room: string, row: MessageRow) => ({
  id: row.id,
  seq: row.seq,
  room,
  message: row.message,
  phone_number: row.phoneNumber,
  avatar: row.avatar,
  ...senderOf(row),
  sent_at: row.sentAt.toISOString(),
  ...(row.clientId !== null && { client_id: row.clientId }),
  ...(row.editedAt !== null && { edited_at: row.editedAt.toISOString() }),
  ...(row.deletedAt !== null && { deleted_at: row.deletedAt.toISOString() }),
});

export const messageFrame = (room: Pick<RoomRow, 'name'>, row: MessageRow): SequencedFrame => ({
  seq: row.seq,
  text: JSON.stringify({ type: 'message', ...messageView(room.name, row) }),
});

/** An edit or a deletion; `message_seq` is the number of the message it is about. */
export const changeFrame = (room: Pick<RoomRow, 'name'>, change: ChangeRow): SequencedFrame => ({
  seq: change.seq,
  text: JSON.stringify({
    type: change.kind,
    seq: change.seq,
    room: room.name,
    id: change.id,
    message_seq: change.messageSeq,
    ...(change.kind === 'edited' && { message: change.message }),
    [`${change.kind}_at`]: change.changedAt.toISOString(),
  }),
});

/** Told by its text, because frames come from other instances as text. */
export const isDeletion = ({ text }: SequencedFrame): boolean => text.startsWith('{"type":"deleted"');

/** The first frame of a connection; others in the room get it without a position. */
export const joinedFrame = (room: RoomRow, user: Sender | undefined, position?: { seq: number }): string =>
  JSON.stringify({
    type: 'joined',
    room: room.name,
    ...(user && { user }),
    ...(position && { seq: position.seq, epoch: room.epoch }),
  });

/** Somebody has left or is typing. */
export const signFrame = (type: 'left' | 'typing', room: RoomRow, user: Sender | undefined): string =>
  JSON.stringify({ type, room: room.name, ...(user && { user }) });

/** Answers `?after_seq=`: true, and all that was missed follows; false, and it has to be fetched anew. */
export const recoveredFrame = (room: RoomRow, recovered: boolean, seq: number): string =>
  JSON.stringify({ type: 'recovered', recovered, room: room.name, seq, epoch: room.epoch });

/** To a sender alone: it was said before, under this number. */
export const duplicateFrame = (room: RoomRow, row: MessageRow): string =>
  JSON.stringify({ type: 'duplicate', room: room.name, id: row.id, seq: row.seq, client_id: row.clientId });

/** Never holds what was sent, but for the client's own id of a message that was understood and not taken. */
export const errorFrame = (code: string, detail: string, clientId?: string): string =>
  JSON.stringify({ type: 'error', code, detail, ...(clientId !== undefined && { client_id: clientId }) });

const senderOf = (row: MessageRow): { user?: Sender } =>
  row.senderId === NOBODY || row.username === null
    ? {}
    : { user: { id: row.senderId, username: row.username } };
