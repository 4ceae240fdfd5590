import { and, asc, desc, eq, gt, inArray, isNull, lt, lte, or, sql } from 'drizzle-orm';
import { type Database, type Executor, inTransaction, type Transaction } from '#kit/mysql/database';
import { lockRoom, markRevised, updateLastSeq } from '../rooms/store';
import { changes, messages, rooms } from '../schema';

export type MessageRow = typeof messages.$inferSelect;
export type ChangeRow = typeof changes.$inferSelect & Pick<MessageRow, 'id' | 'message'>;

export type Draft = Pick<
  MessageRow,
  | 'id'
  | 'senderId'
  | 'username'
  | 'message'
  | 'phoneNumber'
  | 'avatar'
  | 'clientId'
  | 'clientKey'
  | 'clientScope'
>;

/** A stored draft; for a repeat, the message as it was stored first. */
export interface Appended {
  readonly row: MessageRow;
  readonly isNew: boolean;
}

/**
 * Stores messages under the next sequence numbers of a room, in one transaction under the lock of the room's row: a
 * number becomes visible only after all lower ones, whichever instance assigned them.
 *
 * @returns one for each draft, in their order
 * @throws RoomDeleted
 */
export async function appendMessages(
  database: Database,
  roomId: number,
  drafts: readonly Draft[],
): Promise<Appended[]> {
  return inTransaction(database, async (transaction) => {
    const { lastSeq, now } = await lockRoom(transaction, roomId);
    const stored = await findRepeated(transaction, roomId, drafts);
    const added: MessageRow[] = [];
    const appended = drafts.map((draft): Appended => {
      const first = stored.get(repeatKey(draft));
      if (first !== undefined) return { row: first, isNew: false };
      const seq = lastSeq + added.length + 1;
      const row = { ...draft, roomId, seq, sentAt: now, editedAt: null, deletedAt: null };
      added.push(row);
      if (row.clientKey !== null) stored.set(repeatKey(row), row);
      return { row, isNew: true };
    });
    if (added.length > 0) {
      await transaction.insert(messages).values(added);
      await updateLastSeq(transaction, roomId, lastSeq + added.length);
    }
    return appended;
  });
}

const repeatKey = ({ clientScope, clientKey }: Pick<Draft, 'clientScope' | 'clientKey'>): string =>
  `${clientScope} ${clientKey}`;

/** Messages that were stored with the client ids of the drafts, by `repeatKey`. */
async function findRepeated(
  transaction: Transaction,
  roomId: number,
  drafts: readonly Draft[],
): Promise<Map<string, MessageRow>> {
  const keys = drafts.flatMap((draft) => draft.clientKey ?? []);
  if (keys.length === 0) return new Map();
  const scopes = [...new Set(drafts.flatMap((draft) => draft.clientScope ?? []))];
  const rows = await transaction
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.roomId, roomId),
        inArray(messages.clientScope, scopes),
        inArray(messages.clientKey, keys),
      ),
    );
  return new Map(rows.map((row) => [repeatKey(row), row]));
}

/**
 * Edits a message, or deletes it with a null text, under the room's next sequence number.
 *
 * @returns undefined when the message was deleted before
 */
export async function changeMessage(
  database: Database,
  message: Pick<MessageRow, 'roomId' | 'seq' | 'id'>,
  text: string | null,
): Promise<ChangeRow | undefined> {
  const { roomId, seq: messageSeq, id } = message;
  return inTransaction(database, async (transaction) => {
    const { lastSeq, now } = await lockRoom(transaction, roomId);
    const [result] = await transaction
      .update(messages)
      .set(
        text === null
          ? { message: '', phoneNumber: null, avatar: null, deletedAt: now }
          : { message: text, editedAt: now },
      )
      .where(
        and(eq(messages.roomId, roomId), eq(messages.seq, messageSeq), sql`${messages.deletedAt} is null`),
      );
    if (result.affectedRows === 0) return undefined;
    const kind = text === null ? ('deleted' as const) : ('edited' as const);
    const change = { roomId, seq: lastSeq + 1, kind, messageSeq, changedAt: now };
    await transaction.insert(changes).values(change);
    await updateLastSeq(transaction, roomId, change.seq);
    return { ...change, id, message: text ?? '' };
  });
}

/** Messages and changes with the numbers after `afterSeq` up to and including `untilSeq`. */
export async function readSequence(
  database: Database,
  roomId: number,
  range: { afterSeq: number; untilSeq: number },
): Promise<{ messages: MessageRow[]; changes: ChangeRow[] }> {
  const [messageRows, changeRows] = await Promise.all([
    database
      .select()
      .from(messages)
      .where(
        and(eq(messages.roomId, roomId), gt(messages.seq, range.afterSeq), lte(messages.seq, range.untilSeq)),
      ),
    database
      .select({ change: changes, id: messages.id, message: messages.message })
      .from(changes)
      .innerJoin(messages, and(eq(messages.roomId, changes.roomId), eq(messages.seq, changes.messageSeq)))
      .where(
        and(eq(changes.roomId, roomId), gt(changes.seq, range.afterSeq), lte(changes.seq, range.untilSeq)),
      ),
  ]);
  return {
    messages: messageRows,
    changes: changeRows.map(({ change, id, message }) => ({ ...change, id, message })),
  };
}

/** At most `limit` messages after a number, or the newest before one; always oldest first. */
export async function listMessages(
  database: Database,
  roomId: number,
  request: { direction: 'after' | 'before'; seq: number; limit: number },
): Promise<MessageRow[]> {
  const { direction, seq, limit } = request;
  const after = direction === 'after';
  const rows = await database
    .select()
    .from(messages)
    .where(and(eq(messages.roomId, roomId), after ? gt(messages.seq, seq) : lt(messages.seq, seq)))
    .orderBy(after ? asc(messages.seq) : desc(messages.seq))
    .limit(limit);
  return after ? rows : rows.reverse();
}

/** A user's messages that are not deleted, in all rooms, with the names of the rooms. */
export async function listMessagesOf(
  database: Database,
  senderId: string,
  { after, limit }: { after: Pick<MessageRow, 'roomId' | 'seq'>; limit: number },
): Promise<{ message: MessageRow; room: string }[]> {
  const { roomId, seq } = messages;
  return database
    .select({ message: messages, room: rooms.name })
    .from(messages)
    .innerJoin(rooms, eq(rooms.id, roomId))
    .where(
      and(
        eq(messages.senderId, senderId),
        isNull(messages.deletedAt),
        or(gt(roomId, after.roomId), and(eq(roomId, after.roomId), gt(seq, after.seq))),
      ),
    )
    .orderBy(asc(roomId), asc(seq))
    .limit(limit);
}

export async function findMessage(
  database: Database,
  roomId: number,
  id: string,
): Promise<MessageRow | undefined> {
  const [row] = await database
    .select()
    .from(messages)
    .where(and(eq(messages.id, id), eq(messages.roomId, roomId)));
  return row;
}

const ERASURE_BATCH_SIZE = 500;

/**
 * Deletes the messages of a sender, and the sender from them. Each deletion is a change of its room, and copies of the room
 * in memory become stale.
 *
 * @returns the ids of the rooms
 */
export async function eraseMessages(
  database: Database,
  senderId: string,
  anonymousId: string,
): Promise<Set<number>> {
  const bySender = eq(messages.senderId, senderId);
  const roomIds = new Set<number>();
  for (;;) {
    const [found] = await database
      .select({ roomId: messages.roomId })
      .from(messages)
      .where(bySender)
      .limit(1);
    if (found === undefined) return roomIds;
    const { roomId } = found;
    roomIds.add(roomId);
    await inTransaction(database, async (transaction) => {
      const { lastSeq, now } = await lockRoom(transaction, roomId);
      const rows = await transaction
        .select({ seq: messages.seq, deletedAt: messages.deletedAt })
        .from(messages)
        .where(and(bySender, eq(messages.roomId, roomId)))
        .orderBy(asc(messages.seq))
        .limit(ERASURE_BATCH_SIZE);
      const shown = rows.filter(({ deletedAt }) => deletedAt === null);
      if (shown.length > 0)
        await transaction.insert(changes).values(
          shown.map(({ seq: messageSeq }, index) => ({
            ...{ roomId, seq: lastSeq + 1 + index, kind: 'deleted' as const },
            ...{ messageSeq, changedAt: now },
          })),
        );
      await updateLastSeq(transaction, roomId, lastSeq + shown.length);
      await markRevised(transaction, roomId);
      const seqs = rows.map(({ seq }) => seq);
      await transaction
        .update(messages)
        .set({
          ...{ senderId: anonymousId, username: null, message: '', phoneNumber: null, avatar: null },
          // They are unique per sender, and may identify the person.
          ...{ clientId: null, clientKey: null, clientScope: null },
          deletedAt: sql`coalesce(${messages.deletedAt}, ${now})`,
        })
        .where(and(eq(messages.roomId, roomId), inArray(messages.seq, seqs)));
    });
  }
}

/** Whether a room has messages that are not deleted. */
export async function hasMessages(executor: Executor, roomId: number): Promise<boolean> {
  const [message] = await executor
    .select({ seq: messages.seq })
    .from(messages)
    .where(and(eq(messages.roomId, roomId), isNull(messages.deletedAt)))
    .limit(1);
  return message !== undefined;
}

/** Deletes the messages and changes of a room that nobody can enter any more. */
export async function deleteHistory(database: Database, roomId: number): Promise<void> {
  for (const table of [changes, messages])
    for (;;) {
      const [result] = await database.delete(table).where(eq(table.roomId, roomId)).limit(ERASURE_BATCH_SIZE);
      if (result.affectedRows < ERASURE_BATCH_SIZE) break;
    }
}

/** MySQL: incorrect string value; packet larger than the server accepts. */
const REFUSED_ERRORS = new Set([1366, 1153]);

/** Whether the database refused what a row holds (SQLSTATE 22 and 23), so that repeating the same fails again. */
export function isRefusedRow(failure: unknown): boolean {
  for (let error = failure; error instanceof Error; error = error.cause)
    if ('sqlState' in error && 'errno' in error)
      return /^2[23]/.test(String(error.sqlState)) || REFUSED_ERRORS.has(Number(error.errno));
  return false;
}
