import { and, desc, eq, inArray, lte } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Transaction } from '#kit/mysql/database';
import { notifications, recipients } from './schema';
import { lockRecipient, type NotificationRow } from './store';

/** The recipients whose digest mail is due, most overdue first. */
export async function listDue(database: Database, limit: number): Promise<string[]> {
  const rows = await database
    .select({ userId: recipients.userId })
    .from(recipients)
    .where(lte(recipients.mailDueAt, DATABASE_NOW))
    .orderBy(recipients.mailDueAt)
    .limit(limit);
  return rows.map((row) => row.userId);
}

/** Claims the notifications pending for a digest mail, newest first. Notifications marked as read are not pending. */
export async function claimPending(transaction: Transaction, userId: string): Promise<NotificationRow[]> {
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
