import { and, desc, eq, inArray, lt, or, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { addressKey } from './address-key';
import type { SendResult } from './model';
import { mails, unsubscriptions } from './schema';

export type MailRow = typeof mails.$inferSelect;
type NewRow = Pick<typeof mails.$inferInsert, 'id' | 'eventId' | 'template' | 'recipient' | 'userId'> &
  Partial<Pick<MailRow, 'address' | 'addressKey' | 'name'>>;

export type ClaimableMail = MailRow & { readonly claimRemainingMs: number };

/** Inserts a mail unless one exists for this event, template and recipient. Locks and returns the row. */
export async function ensureMail(transaction: Transaction, row: NewRow): Promise<ClaimableMail> {
  await transaction
    .insert(mails)
    .values({ ...row, status: 'queued', createdAt: DATABASE_NOW })
    // Not `insert ignore`, which takes a shared lock: two transactions that then upgrade it deadlock.
    .onDuplicateKeyUpdate({ set: { id: sql`${mails.id}` } });
  const [found] = await transaction
    .select({
      mail: mails,
      claimRemainingMs: sql<string>`coalesce(timestampdiff(microsecond, ${DATABASE_NOW}, ${mails.claimedUntil}) / 1000, 0)`,
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
  if (found === undefined) throw new Error('a mail is missing in the transaction that inserted it');
  return { ...found.mail, claimRemainingMs: Math.ceil(Number(found.claimRemainingMs)) };
}

type Delivery = Pick<MailRow, 'address' | 'addressKey' | 'name' | 'subject' | 'category'>;

/** The subject of a digest of likes names people, whose names must not outlive their accounts here. */
const subjectToKeep = ({ subject }: Delivery) =>
  sql`if(${mails.template} = 'likes-digest', null, ${subject})`;

export async function claim(
  transaction: Transaction,
  id: string,
  delivery: Delivery,
  claimMs: number,
): Promise<void> {
  await transaction
    .update(mails)
    .set({
      ...delivery,
      subject: subjectToKeep(delivery),
      status: 'sending',
      attempts: sql`${mails.attempts} + 1`,
      claimedUntil: sql`${DATABASE_NOW} + interval ${claimMs * 1000} microsecond`,
    })
    .where(eq(mails.id, id));
}

/** Records that a mail is not sent. */
export async function markUnsent(
  transaction: Transaction,
  id: string,
  unsent: Delivery & { status: 'unsubscribed' | 'suppressed'; reason: string | null },
): Promise<void> {
  await transaction
    .update(mails)
    .set({ ...unsent, subject: subjectToKeep(unsent) })
    .where(eq(mails.id, id));
}

const STATUS_OF = { sent: 'sent', failed: 'failed', bounced: 'bounced', deferred: 'queued' } as const;

/**
 * Records the result of an attempt: a sent mail in any case, other results only of the current claim.
 *
 * @returns the mail as it was; undefined when another worker holds the claim by now, or the mail was deleted
 */
export async function finish(transaction: Transaction, result: SendResult): Promise<MailRow | undefined> {
  const { outcome } = result;
  const [mail] = await transaction.select().from(mails).where(eq(mails.id, result.mail_id)).for('update');
  if (mail === undefined) return undefined;
  if (outcome !== 'sent' && (mail.attempts !== result.attempt || mail.status === 'sent')) return undefined;
  await transaction
    .update(mails)
    .set({
      status: STATUS_OF[outcome],
      claimedUntil: null,
      reason: outcome === 'sent' ? null : result.reason,
      ...(outcome === 'sent' && { sentAt: DATABASE_NOW }),
    })
    .where(eq(mails.id, mail.id));
  return mail;
}

export async function findMail(database: Database, id: string): Promise<MailRow | undefined> {
  const [row] = await database.select().from(mails).where(eq(mails.id, id));
  return row;
}

/** Newest first, optionally those to one address or user. */
export async function listMails(
  database: Database,
  request: { to: string | undefined; beforeId: string | null; limit: number },
): Promise<MailRow[]> {
  const { to, beforeId, limit } = request;
  const user = to !== undefined && isUuid(to) ? eq(mails.userId, to) : undefined;
  return database
    .select()
    .from(mails)
    .where(
      and(
        to === undefined ? undefined : (user ?? inArray(mails.addressKey, keysOf(to))),
        beforeId === null ? undefined : lt(mails.id, beforeId),
      ),
    )
    .orderBy(desc(mails.id))
    .limit(limit);
}

/** Rows from before there were keys hold the address in lower case. */
const keysOf = (address: string): string[] => [addressKey(address), address.toLowerCase()];

/** @param addressHashes under which the address may be stored */
export async function isUnsubscribed(
  executor: Executor,
  addressHashes: readonly Buffer[],
  category: string,
): Promise<boolean> {
  const rows = await executor
    .select({ category: unsubscriptions.category })
    .from(unsubscriptions)
    .where(
      and(inArray(unsubscriptions.addressHash, [...addressHashes]), eq(unsubscriptions.category, category)),
    );
  return rows.length > 0;
}

export async function unsubscribe(database: Database, addressHash: Buffer, category: string): Promise<void> {
  await database.insert(unsubscriptions).ignore().values({ addressHash, category, createdAt: DATABASE_NOW });
}

/** Deletes the mails to a user, including those requested for their addresses. */
export async function deleteMailsOfUser(transaction: Transaction, userId: string): Promise<void> {
  const rows = await transaction
    .selectDistinct({ key: mails.addressKey })
    .from(mails)
    .where(eq(mails.userId, userId));
  const keys = rows.flatMap((row) => row.key ?? []);
  await transaction
    .delete(mails)
    .where(or(eq(mails.userId, userId), keys.length === 0 ? undefined : inArray(mails.addressKey, keys)));
}

/** @returns the number of deleted mails, at most `limit` */
export async function deleteOlderThan(database: Database, days: number, limit: number): Promise<number> {
  const [result] = await database
    .delete(mails)
    .where(lt(mails.createdAt, sql`${DATABASE_NOW} - interval ${days} day`))
    .limit(limit);
  return result.affectedRows;
}
