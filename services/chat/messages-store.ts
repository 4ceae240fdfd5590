import { and, asc, desc, eq, gt, inArray, lt, lte, sql } from 'drizzle-orm';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import { lockRoom, moveLastSeq } from './rooms-store';
import { changes, messages } from './schema';

export type MessageRow = typeof messages.$inferSelect;
export type ChangeRow = typeof changes.$inferSelect & Pick<MessageRow, 'id' | 'message'>;

export type Draft = Pick<
  MessageRow,
  'id' | 'senderId' | 'username' | 'message' | 'phoneNumber' | 'avatar' | 'clientId'
>;

/** A draft with its number; one that was said before comes back as it was then. */
export interface Appended {
  readonly row: MessageRow;
  readonly isNew: boolean;
}

/**
 * Gives messages the next numbers of a room and keeps them, in one transaction under the lock of the room's row: a
 * number is visible only after all before it are, whichever instance gave them.
 *
 * @returns as many as `drafts`, in their order
 * @throws RoomGone when there is no such room any more
 */
export async function appendMessages(
  database: Database,
  roomId: number,
  drafts: readonly Draft[],
): Promise<Appended[]> {
  return inTransaction(database, async (transaction) => {
    const { lastSeq, now } = await lockRoom(transaction, roomId);
    const known = await findSaid(transaction, roomId, drafts);
    const added: MessageRow[] = [];
    const appended = drafts.map((draft): Appended => {
      const said = draft.clientId === null ? undefined : known.get(saidKey(draft.senderId, draft.clientId));
      if (said !== undefined) return { row: said, isNew: false };
      const seq = lastSeq + added.length + 1;
      const row = { ...draft, roomId, seq, sentAt: now, editedAt: null, deletedAt: null };
      added.push(row);
      if (row.clientId !== null) known.set(saidKey(row.senderId, row.clientId), row);
      return { row, isNew: true };
    });
    if (added.length > 0) {
      await transaction.insert(messages).values(added);
      await moveLastSeq(transaction, roomId, lastSeq + added.length);
    }
    return appended;
  });
}

const saidKey = (senderId: string, clientId: string) => `${senderId} ${clientId}`;

async function findSaid(
  transaction: Transaction,
  roomId: number,
  drafts: readonly Draft[],
): Promise<Map<string, MessageRow>> {
  const clientIds = drafts.flatMap((draft) => draft.clientId ?? []);
  if (clientIds.length === 0) return new Map();
  const senderIds = [...new Set(drafts.map((draft) => draft.senderId))];
  const rows = await transaction
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.roomId, roomId),
        inArray(messages.senderId, senderIds),
        inArray(messages.clientId, clientIds),
      ),
    );
  return new Map(rows.map((row) => [saidKey(row.senderId, row.clientId ?? ''), row]));
}

/**
 * Edits a message, or with null deletes it; the change gets the room's next number.
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
    await moveLastSeq(transaction, roomId, change.seq);
    return { ...change, id, message: text ?? '' };
  });
}

/** What has the numbers after `afterSeq` up to `untilSeq`, the oldest first. */
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

/** At most `limit` messages after a number, or the newest before one; always the oldest first. */
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

const ERASED_AT_ONCE = 500;

/** Leaves what somebody said, without who said it. */
export async function anonymise(database: Database, senderId: string, nobody: string): Promise<void> {
  for (;;) {
    const [result] = await database
      .update(messages)
      // Without the client id: two of them may be alike once both are nobody's.
      .set({ senderId: nobody, username: null, phoneNumber: null, avatar: null, clientId: null })
      .where(eq(messages.senderId, senderId))
      .limit(ERASED_AT_ONCE);
    if (result.affectedRows < ERASED_AT_ONCE) return;
  }
}
