import { and, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import { ENDING_TYPES, type EndingObject, MAX_NAMED_ACTORS } from './rules';
import { endedObjects, notificationActors, notifications, recipients, settings } from './schema';
import { lockRecipient } from './store';

const BATCH_ROWS = 500;

/** Deletes an actor from a recipient's notifications, and notifications that have no other actor. */
export async function deleteActorFrom(database: Database, userId: string, actorId: string): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await lockRecipient(transaction, userId);
    const rows = await transaction
      .select({ id: notificationActors.notificationId })
      .from(notificationActors)
      .innerJoin(notifications, eq(notifications.id, notificationActors.notificationId))
      .where(and(eq(notificationActors.actorId, actorId), eq(notifications.userId, userId)));
    for (const { id } of rows) await deleteActorFromNotification(transaction, id, actorId);
  });
}

async function deleteActorFromNotification(
  transaction: Transaction,
  id: string,
  actorId: string,
  endedSubjectId?: string,
): Promise<void> {
  const isActor = and(eq(notificationActors.notificationId, id), eq(notificationActors.actorId, actorId));
  const [deleted] = await transaction.delete(notificationActors).where(isActor);
  if (deleted.affectedRows === 0) return;
  const latest = await transaction
    .select({ actorId: notificationActors.actorId, subjectId: notificationActors.subjectId })
    .from(notificationActors)
    .where(eq(notificationActors.notificationId, id))
    .orderBy(desc(notificationActors.position))
    .limit(MAX_NAMED_ACTORS);
  const [newest] = latest;
  if (newest === undefined) return deleteNotifications(transaction, [id]);
  // Rows of earlier versions do not have their subject: then the notification's own stays unless it has ended.
  const remaining = endedSubjectId
    ? sql`nullif(${notifications.subjectId}, ${endedSubjectId})`
    : notifications.subjectId;
  await transaction
    .update(notifications)
    .set({
      subjectId: sql`coalesce(${newest.subjectId}, ${remaining})`,
      actorsCount: sql`${notifications.actorsCount} - 1`,
      latestActors: latest.map((row) => row.actorId),
    })
    .where(eq(notifications.id, id));
}

/** Deletes an actor from the notifications of all recipients. */
export async function deleteActor(database: Database, actorId: string): Promise<void> {
  for (;;) {
    const rows = await database
      .selectDistinct({ userId: notifications.userId })
      .from(notificationActors)
      .innerJoin(notifications, eq(notifications.id, notificationActors.notificationId))
      .where(eq(notificationActors.actorId, actorId))
      .limit(BATCH_ROWS);
    for (const { userId } of rows) await deleteActorFrom(database, userId, actorId);
    if (rows.length < BATCH_ROWS) return;
  }
}

/** Deletes a recipient's notifications and settings. */
export async function deleteRecipient(database: Database, userId: string): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await lockRecipient(transaction, userId);
    const rows = await transaction
      .select({ id: notifications.id })
      .from(notifications)
      .where(eq(notifications.userId, userId));
    for (let start = 0; start < rows.length; start += BATCH_ROWS)
      await deleteNotifications(
        transaction,
        rows.slice(start, start + BATCH_ROWS).map((row) => row.id),
      );
    await transaction.delete(settings).where(eq(settings.userId, userId));
    await transaction.delete(recipients).where(eq(recipients.userId, userId));
  });
}

/** Deletes the notifications that end with an object, and keeps later ones from being recorded. Idempotent. */
export async function endObject(database: Database, kind: EndingObject, objectId: string): Promise<void> {
  // First: a recording that has not seen it holds a lock that this waits for, and its notification is found below.
  await database
    .insert(endedObjects)
    .values({ kind, id: objectId, endedAt: DATABASE_NOW })
    .onDuplicateKeyUpdate({ set: { id: objectId } });
  for (;;) {
    const rows = await database
      .select({ id: notifications.id, userId: notifications.userId })
      .from(notifications)
      .where(and(eq(notifications.objectId, objectId), inArray(notifications.type, ENDING_TYPES[kind])))
      .limit(BATCH_ROWS);
    for (const { id, userId } of rows)
      await inTransaction(database, async (transaction) => {
        await lockRecipient(transaction, userId);
        await deleteNotifications(transaction, [id]);
      });
    if (rows.length < BATCH_ROWS) return;
  }
}

/** Deletes an author from the notifications that a deleted post of theirs was the reason of, such as a reply. Idempotent. */
export async function endSubject(database: Database, postId: string, authorId: string): Promise<void> {
  const { subjectId } = notificationActors;
  const isReason = or(
    eq(subjectId, postId),
    and(isNull(subjectId), eq(notifications.subjectId, postId), eq(notificationActors.actorId, authorId)),
  );
  for (;;) {
    const rows = await database
      .select({ id: notifications.id, userId: notifications.userId, actorId: notificationActors.actorId })
      .from(notificationActors)
      .innerJoin(notifications, eq(notifications.id, notificationActors.notificationId))
      .where(isReason)
      .limit(BATCH_ROWS);
    for (const { id, userId, actorId } of rows)
      await inTransaction(database, async (transaction) => {
        await lockRecipient(transaction, userId);
        await deleteActorFromNotification(transaction, id, actorId, postId);
      });
    if (rows.length < BATCH_ROWS) return;
  }
}

/** Deletes notifications that have not changed for `retentionDays`, and the ends of objects from before. */
export async function deleteExpired(
  database: Database,
  retentionDays: number,
  signal: AbortSignal,
): Promise<void> {
  const cutoff = sql`${DATABASE_NOW} - interval ${retentionDays} day`;
  while (!signal.aborted) {
    const [deleted] = await database
      .delete(endedObjects)
      .where(lt(endedObjects.endedAt, cutoff))
      .limit(BATCH_ROWS);
    if (deleted.affectedRows < BATCH_ROWS) break;
  }
  while (!signal.aborted) {
    const rows = await database
      .select({ id: notifications.id })
      .from(notifications)
      .where(lt(notifications.changedAt, cutoff))
      .limit(BATCH_ROWS);
    const ids = rows.map((row) => row.id);
    await inTransaction(database, (transaction) => deleteNotifications(transaction, ids));
    if (rows.length < BATCH_ROWS) return;
  }
}

async function deleteNotifications(transaction: Transaction, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await transaction.delete(notificationActors).where(inArray(notificationActors.notificationId, [...ids]));
  await transaction.delete(notifications).where(inArray(notifications.id, [...ids]));
}
