import { and, count, desc, eq, gt, inArray, lt, lte, type SQL, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import {
  DEFAULT_SETTINGS,
  type Delivery,
  type EndingObject,
  type NotificationType,
  type Settings,
} from './rules';
import { endedObjects, notificationActors, notifications, recipients, settings } from './schema';

export type NotificationRow = typeof notifications.$inferSelect;
export type NotificationKey = Pick<NotificationRow, 'userId' | 'type' | 'objectId' | 'reason'>;

const now = sql<Date>`${DATABASE_NOW}`;

/** Locks a recipient's notifications until the transaction ends. @returns their position */
export async function lockRecipient(transaction: Transaction, userId: string): Promise<number> {
  await transaction
    .insert(recipients)
    .values({ userId, position: 0 })
    .onDuplicateKeyUpdate({ set: { userId: sql`${recipients.userId}` } });
  const [row] = await transaction
    .select({ position: recipients.position })
    .from(recipients)
    .where(eq(recipients.userId, userId))
    .for('update');
  return row?.position ?? 0;
}

/** @param change.mailInSeconds delay of the next digest mail, unless one is due sooner; null for none */
export async function advanceRecipient(
  transaction: Transaction,
  userId: string,
  { position, mailInSeconds }: { position: number; mailInSeconds: number | null },
): Promise<void> {
  const due = sql`coalesce(${recipients.mailDueAt}, ${DATABASE_NOW} + interval ${mailInSeconds} second)`;
  await transaction
    .update(recipients)
    .set({ position, ...(mailInSeconds !== null && { mailDueAt: due }) })
    .where(eq(recipients.userId, userId));
}

/** The objects among these that have ended. Until the transaction ends, none of the others does. */
export async function findEnded(
  transaction: Transaction,
  kind: EndingObject,
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await transaction
    .select({ id: endedObjects.id })
    .from(endedObjects)
    .where(and(eq(endedObjects.kind, kind), inArray(endedObjects.id, [...ids])))
    // Locks the gaps of those that are not there as well; such locks exclude nobody but an insert.
    .for('update');
  return new Set(rows.map((row) => row.id));
}

export async function findByKey(
  transaction: Transaction,
  { userId, type, objectId, reason }: NotificationKey,
): Promise<NotificationRow | undefined> {
  const [row] = await transaction
    .select()
    .from(notifications)
    .where(
      and(
        eq(notifications.userId, userId),
        eq(notifications.type, type),
        eq(notifications.objectId, objectId),
        eq(notifications.reason, reason),
      ),
    );
  return row;
}

export async function insertNotification(
  transaction: Transaction,
  row: Omit<NotificationRow, 'unread' | 'changedAt'>,
): Promise<void> {
  await transaction.insert(notifications).values({ ...row, unread: true, changedAt: now });
}

/** Stores new actors, which make the notification unread again. */
export async function updateNotification(
  transaction: Transaction,
  id: string,
  change: Pick<NotificationRow, 'actorsCount' | 'latestActors' | 'position' | 'subjectId' | 'mailPending'>,
): Promise<void> {
  await transaction
    .update(notifications)
    .set({ ...change, unread: true, changedAt: now })
    .where(eq(notifications.id, id));
}

/** The people among `actorIds` who are actors of a notification. */
export async function findActors(
  transaction: Transaction,
  notificationId: string,
  actorIds: readonly string[],
): Promise<Set<string>> {
  const rows = await transaction
    .select({ actorId: notificationActors.actorId })
    .from(notificationActors)
    .where(
      and(
        eq(notificationActors.notificationId, notificationId),
        inArray(notificationActors.actorId, [...actorIds]),
      ),
    );
  return new Set(rows.map((row) => row.actorId));
}

/** @param firstPosition of the first actor; those of the others follow it */
export async function insertActors(
  transaction: Transaction,
  notificationId: string,
  actors: readonly { actorId: string; subjectId: string | null }[],
  firstPosition: number,
): Promise<void> {
  await transaction
    .insert(notificationActors)
    .values(actors.map((actor, index) => ({ ...actor, notificationId, position: firstPosition + index })));
}

export interface ListFilter {
  readonly userId: string;
  readonly unread: boolean | undefined;
  readonly type: NotificationType | undefined;
}

/** The notifications below a position, newest first. */
export async function listNotifications(
  database: Database,
  { userId, unread, type }: ListFilter,
  slice: { before: string | null; limit: number },
): Promise<NotificationRow[]> {
  const conditions: (SQL | undefined)[] = [
    eq(notifications.userId, userId),
    unread === undefined ? undefined : eq(notifications.unread, unread),
    type === undefined ? undefined : eq(notifications.type, type),
    slice.before === null ? undefined : lt(notifications.position, Number(slice.before)),
  ];
  return database
    .select()
    .from(notifications)
    .where(and(...conditions))
    .orderBy(desc(notifications.position))
    .limit(slice.limit);
}

/** The notifications that changed after a position, in the order of their positions. */
export async function listChanged(
  database: Database,
  userId: string,
  after: number,
  limit: number,
): Promise<NotificationRow[]> {
  return database
    .select()
    .from(notifications)
    .where(and(eq(notifications.userId, userId), gt(notifications.position, after)))
    .orderBy(notifications.position)
    .limit(limit);
}

export async function readPosition(database: Database, userId: string): Promise<number> {
  return (await readPositions(database, [userId])).get(userId) ?? 0;
}

export async function readPositions(
  database: Database,
  userIds: readonly string[],
): Promise<Map<string, number>> {
  if (userIds.length === 0) return new Map();
  const rows = await database
    .select({ userId: recipients.userId, position: recipients.position })
    .from(recipients)
    .where(inArray(recipients.userId, [...userIds]));
  return new Map(rows.map((row) => [row.userId, row.position]));
}

export async function countUnread(database: Database, userId: string): Promise<number> {
  const [counted] = await database
    .select({ unread: count() })
    .from(notifications)
    .where(and(eq(notifications.userId, userId), eq(notifications.unread, true)));
  return counted?.unread ?? 0;
}

export async function markRead(database: Database, userId: string, ids: readonly string[]): Promise<void> {
  await database
    .update(notifications)
    .set({ unread: false, mailPending: false })
    .where(and(eq(notifications.userId, userId), inArray(notifications.id, [...ids])));
}

export async function markReadUpTo(database: Database, userId: string, position: number): Promise<void> {
  await database
    .update(notifications)
    .set({ unread: false, mailPending: false })
    .where(
      and(
        eq(notifications.userId, userId),
        eq(notifications.unread, true),
        lte(notifications.position, position),
      ),
    );
}

export async function findNotification(
  database: Database,
  userId: string,
  id: string,
): Promise<NotificationRow | undefined> {
  const [row] = await database
    .select()
    .from(notifications)
    .where(and(eq(notifications.id, id), eq(notifications.userId, userId)));
  return row;
}

export async function readSettings(executor: Executor, userId: string): Promise<Settings> {
  const rows = await executor.select().from(settings).where(eq(settings.userId, userId));
  const own = Object.fromEntries(rows.map((row) => [row.type, row.delivery]));
  return { ...DEFAULT_SETTINGS, ...own };
}

export async function upsertSetting(
  transaction: Transaction,
  userId: string,
  type: NotificationType,
  delivery: Delivery,
): Promise<void> {
  await transaction
    .insert(settings)
    .values({ userId, type, delivery })
    .onDuplicateKeyUpdate({ set: { delivery } });
}
