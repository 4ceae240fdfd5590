import { and, desc, eq, inArray, lte } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Transaction } from '#kit/mysql/database';
import { notifications, recipients } from './schema';
import { lockRecipient, type NotificationRow } from './store';

/** People to whom a mail is due, the longest waiting first. */
export async function listDue(database: Database, limit: number): Promise<string[]> {
  const rows = await database
    .select({ userId: recipients.userId })
    .from(recipients)
    .where(lte(recipients.mailDueAt, DATABASE_NOW))
    .orderBy(recipients.mailDueAt)
    .limit(limit);
  return rows.map((row) => row.userId);
}

/** Takes what a person is to be told of by mail; nobody gets it again. The newest first, read ones left out. */
export async function takePending(transaction: Transaction, userId: string): Promise<NotificationRow[]> {
  await lockRecipient(transaction, userId);
  const isPending = and(eq(notifications.userId, userId), eq(notifications.mailPending, true));
  const rows = await transaction
    .select()
    .from(notifications)
    .where(isPending)
    .orderBy(desc(notifications.position));
  if (rows.length > 0)
    await transaction
      .update(notifications)
      .set({ mailPending: false })
      .where(
        inArray(
          notifications.id,
          rows.map((row) => row.id),
        ),
      );
  await transaction.update(recipients).set({ mailDueAt: null }).where(eq(recipients.userId, userId));
  return rows;
}
