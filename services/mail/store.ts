import { and, desc, eq, inArray, lt, ne, or, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import type { Ending } from './model';
import { mails, unsubscriptions } from './schema';

export type MailRow = typeof mails.$inferSelect;
type NewRow = Pick<typeof mails.$inferInsert, 'id' | 'eventId' | 'template' | 'recipient' | 'userId'> &
  Partial<Pick<MailRow, 'address' | 'name'>>;

/** Inserts a mail unless there is one of this event, template and recipient; locks and returns the one there is. */
export async function ensureMail(
  transaction: Transaction,
  row: NewRow,
): Promise<MailRow & { claimedMs: number }> {
  await transaction
    .insert(mails)
    .values({ ...row, status: 'queued', createdAt: DATABASE_NOW })
    // Not `insert ignore`: that takes a shared lock, and two who then want more of it deadlock.
    .onDuplicateKeyUpdate({ set: { id: sql`${mails.id}` } });
  const [found] = await transaction
    .select({
      mail: mails,
      claimedMs: sql<string>`coalesce(timestampdiff(microsecond, ${DATABASE_NOW}, ${mails.claimedUntil}) / 1000, 0)`,
    })
    .from(mails)
    .where(
      and(
        eq(mails.eventId, row.eventId),
        eq(mails.template, row.template),
        eq(mails.recipient, row.recipient),
      ),
    )
    .for('update');
  if (found === undefined) throw new Error('a mail is gone in the transaction that inserted it');
  return { ...found.mail, claimedMs: Math.ceil(Number(found.claimedMs)) };
}

export async function claim(
  transaction: Transaction,
  id: string,
  addressed: Pick<MailRow, 'address' | 'name' | 'subject' | 'category'>,
  claimMs: number,
): Promise<void> {
  await transaction
    .update(mails)
    .set({
      ...addressed,
      status: 'sending',
      attempts: sql`${mails.attempts} + 1`,
      claimedUntil: sql`${DATABASE_NOW} + interval ${claimMs * 1000} microsecond`,
    })
    .where(eq(mails.id, id));
}

export async function markUnsubscribed(
  transaction: Transaction,
  id: string,
  addressed: Pick<MailRow, 'address' | 'name' | 'subject' | 'category'>,
): Promise<void> {
  await transaction
    .update(mails)
    .set({ ...addressed, status: 'unsubscribed' })
    .where(eq(mails.id, id));
}

/** @returns false when the claim is another's by now, or the mail is gone */
export async function finish(database: Database, ending: Ending): Promise<boolean> {
  const [result] =
    ending.outcome === 'sent'
      ? await database
          .update(mails)
          .set({ status: 'sent', sentAt: DATABASE_NOW, claimedUntil: null, reason: null })
          .where(eq(mails.id, ending.mail_id))
      : await database
          .update(mails)
          .set({
            status: ending.outcome === 'failed' ? 'failed' : 'queued',
            claimedUntil: null,
            reason: ending.reason,
          })
          .where(
            and(eq(mails.id, ending.mail_id), eq(mails.attempts, ending.attempt), ne(mails.status, 'sent')),
          );
  return result.affectedRows > 0;
}

export async function findMail(database: Database, id: string): Promise<MailRow | undefined> {
  const [row] = await database.select().from(mails).where(eq(mails.id, id));
  return row;
}

/** Newest first, optionally those to one address or person. */
export async function listMails(
  database: Database,
  request: { to: string | undefined; beforeId: string | null; limit: number },
): Promise<MailRow[]> {
  const { to, beforeId, limit } = request;
  const person = to !== undefined && isUuid(to) ? eq(mails.userId, to) : undefined;
  return database
    .select()
    .from(mails)
    .where(
      and(
        to === undefined ? undefined : (person ?? eq(mails.address, to)),
        beforeId === null || !isUuid(beforeId) ? undefined : lt(mails.id, beforeId),
      ),
    )
    .orderBy(desc(mails.id))
    .limit(limit);
}

export async function isUnsubscribed(
  executor: Executor,
  addressHash: Buffer,
  category: string,
): Promise<boolean> {
  const rows = await executor
    .select({ category: unsubscriptions.category })
    .from(unsubscriptions)
    .where(and(eq(unsubscriptions.addressHash, addressHash), eq(unsubscriptions.category, category)));
  return rows.length > 0;
}

export async function unsubscribe(database: Database, addressHash: Buffer, category: string): Promise<void> {
  await database.insert(unsubscriptions).ignore().values({ addressHash, category, createdAt: DATABASE_NOW });
}

/** Forgets what was sent to a person, also to an address of theirs without their name on it. */
export async function forgetPerson(transaction: Transaction, userId: string): Promise<void> {
  const rows = await transaction
    .selectDistinct({ address: mails.address })
    .from(mails)
    .where(eq(mails.userId, userId));
  const addresses = rows.flatMap((row) => row.address ?? []);
  await transaction
    .delete(mails)
    .where(
      or(eq(mails.userId, userId), addresses.length === 0 ? undefined : inArray(mails.address, addresses)),
    );
}

/** @returns how many were deleted, at most `limit` */
export async function deleteOlderThan(database: Database, days: number, limit: number): Promise<number> {
  const [result] = await database
    .delete(mails)
    .where(lt(mails.createdAt, sql`${DATABASE_NOW} - interval ${days} day`))
    .limit(limit);
  return result.affectedRows;
}
