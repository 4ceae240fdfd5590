import type { FieldError } from '#kit/errors/problem';
import type { Sender } from '../messages/model';
import type { ChangeRow, MessageRow } from '../messages/store';
import { messageView } from '../messages/views';
import type { RoomRow } from '../rooms/store';

/** A message or change of a room, serialized for all connections. */
export interface SequencedFrame {
  readonly seq: number;
  readonly text: string;
}

export const messageFrame = (room: Pick<RoomRow, 'name'>, row: MessageRow): SequencedFrame => ({
  seq: row.seq,
  text: JSON.stringify({ type: 'message', ...messageView(room.name, row) }),
});

/** An edit or a deletion; `message_seq` is the number of the changed message. */
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

/** Whether it is an edit or a deletion. Recognized by its text, which is all that other instances publish of a frame. */
export const isChange = ({ text }: SequencedFrame): boolean => !text.startsWith('{"type":"message"');

/** The first frame of a connection; the other connections get it without a position. */
export const joinedFrame = (room: RoomRow, user: Sender | undefined, position?: { seq: number }): string =>
  JSON.stringify({
    type: 'joined',
    room: room.name,
    ...(user && { user }),
    ...(position && { seq: position.seq, epoch: room.epoch }),
  });

/** A user has left or is typing. */
export const signalFrame = (type: 'left' | 'typing', room: RoomRow, user: Sender | undefined): string =>
  JSON.stringify({ type, room: room.name, ...(user && { user }) });

/** The response to `?after_seq=`: with `recovered` the missed frames follow, without it the client has to fetch them. */
export const recoveredFrame = (room: RoomRow, recovered: boolean, seq: number): string =>
  JSON.stringify({ type: 'recovered', recovered, room: room.name, seq, epoch: room.epoch });

/** To the sender only: the message was stored before, under this number. */
export const duplicateFrame = (room: RoomRow, row: MessageRow): string =>
  JSON.stringify({ type: 'duplicate', room: room.name, id: row.id, seq: row.seq, client_id: row.clientId });

/** Never echoes what was sent, except the client's own id of a message that was refused. */
export const errorFrame = (code: string, detail: string, clientId?: string): string =>
  JSON.stringify({ type: 'error', code, detail, ...(clientId !== undefined && { client_id: clientId }) });

/** To the sender of a frame that cannot be read. */
export const invalidFrame = (errors: readonly FieldError[] | undefined): string =>
  JSON.stringify({
    type: 'error',
    code: 'chat.invalid-frame',
    detail: 'Send JSON like {"message":"…"}.',
    ...(errors !== undefined && { errors }),
  });
