import { and, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import { MOST_SHOWN } from './rules';
import { notificationActors, notifications, recipients, settings } from './schema';
import { lockRecipient } from './store';

/** Notifications looked at in one go. */
const BATCH = 500;

/** Takes somebody out of what another was told of; what nobody else did goes altogether. */
export async function removeActorFrom(database: Database, userId: string, actorId: string): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await lockRecipient(transaction, userId);
    const rows = await transaction
      .select({ id: notificationActors.notificationId })
      .from(notificationActors)
      .innerJoin(notifications, eq(notifications.id, notificationActors.notificationId))
      .where(and(eq(notificationActors.actorId, actorId), eq(notifications.userId, userId)));
    for (const { id } of rows) await removeActor(transaction, id, actorId);
  });
}

async function removeActor(transaction: Transaction, id: string, actorId: string): Promise<void> {
  const isActor = and(eq(notificationActors.notificationId, id), eq(notificationActors.actorId, actorId));
  const [deleted] = await transaction.delete(notificationActors).where(isActor);
  if (deleted.affectedRows === 0) return;
  const latest = await transaction
    .select({ actorId: notificationActors.actorId })
    .from(notificationActors)
    .where(eq(notificationActors.notificationId, id))
    .orderBy(desc(notificationActors.position))
    .limit(MOST_SHOWN);
  if (latest.length === 0) return deleteNotifications(transaction, [id]);
  await transaction
    .update(notifications)
    .set({
      actorsCount: sql`${notifications.actorsCount} - 1`,
      latestActors: latest.map((row) => row.actorId),
    })
    .where(eq(notifications.id, id));
}

/** Takes somebody out of what all others were told of. */
export async function removeActorEverywhere(database: Database, actorId: string): Promise<void> {
  for (;;) {
    const rows = await database
      .selectDistinct({ userId: notifications.userId })
      .from(notificationActors)
      .innerJoin(notifications, eq(notifications.id, notificationActors.notificationId))
      .where(eq(notificationActors.actorId, actorId))
      .limit(BATCH);
    for (const { userId } of rows) await removeActorFrom(database, userId, actorId);
    if (rows.length < BATCH) return;
  }
}

/** Removes all that one person was told of, and what they have chosen. */
export async function removeRecipient(database: Database, userId: string): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await lockRecipient(transaction, userId);
    const rows = await transaction
      .select({ id: notifications.id })
      .from(notifications)
      .where(eq(notifications.userId, userId));
    for (let start = 0; start < rows.length; start += BATCH)
      await deleteNotifications(
        transaction,
        rows.slice(start, start + BATCH).map((row) => row.id),
      );
    await transaction.delete(settings).where(eq(settings.userId, userId));
    await transaction.delete(recipients).where(eq(recipients.userId, userId));
  });
}

/** Removes what everybody was told of something that is gone. */
export async function removeObject(database: Database, objectId: string): Promise<void> {
  for (;;) {
    const rows = await database
      .select({ id: notifications.id, userId: notifications.userId })
      .from(notifications)
      .where(eq(notifications.objectId, objectId))
      .limit(BATCH);
    for (const { id, userId } of rows)
      await inTransaction(database, async (transaction) => {
        await lockRecipient(transaction, userId);
        await deleteNotifications(transaction, [id]);
      });
    if (rows.length < BATCH) return;
  }
}

/** Removes notifications that have not changed for so many days. */
export async function trimNotifications(
  database: Database,
  days: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const rows = await database
      .select({ id: notifications.id })
      .from(notifications)
      .where(lt(notifications.changedAt, sql`${DATABASE_NOW} - interval ${days} day`))
      .limit(BATCH);
    const ids = rows.map((row) => row.id);
    await inTransaction(database, (transaction) => deleteNotifications(transaction, ids));
    if (rows.length < BATCH) return;
  }
}

async function deleteNotifications(transaction: Transaction, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await transaction.delete(notificationActors).where(inArray(notificationActors.notificationId, [...ids]));
  await transaction.delete(notifications).where(inArray(notifications.id, [...ids]));
}
