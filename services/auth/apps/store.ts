import { and, asc, desc, eq, inArray, isNull, lt, max } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { type Database, type Executor, inTransaction, type Transaction } from '#kit/mysql/database';
import { apps, appTokens, consents, sessions } from '../schema';

export type AppRow = typeof apps.$inferSelect;
export type ConsentRow = typeof consents.$inferSelect;

export async function insertApp(executor: Executor, app: AppRow): Promise<void> {
  await executor.insert(apps).values(app);
}

export async function findApp(executor: Executor, id: string): Promise<AppRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [app] = await executor.select().from(apps).where(eq(apps.id, id));
  return app;
}

/** Keeps an app from being deleted as one that nobody has ever allowed. */
export async function markAllowed(executor: Executor, id: string): Promise<void> {
  await executor
    .update(apps)
    .set({ allowed: true })
    .where(and(eq(apps.id, id), eq(apps.allowed, false)));
}

/**
 * Deletes up to `limit` apps that nobody has ever allowed, registered before a moment, and the tokens that they have of their
 * own.
 *
 * @returns the number deleted
 */
export function deleteUnusedApps(database: Database, before: Date, limit: number): Promise<number> {
  return inTransaction(database, async (transaction) => {
    const unused = await transaction
      .select({ id: apps.id })
      .from(apps)
      .where(and(eq(apps.allowed, false), lt(apps.createdAt, before)))
      .orderBy(asc(apps.createdAt))
      .limit(limit)
      // A person may allow one just now.
      .for('update', { skipLocked: true });
    const ids = unused.map(({ id }) => id);
    if (ids.length === 0) return 0;
    await transaction.delete(appTokens).where(inArray(appTokens.appId, ids));
    await transaction.delete(apps).where(inArray(apps.id, ids));
    return ids.length;
  });
}

/** When the app was registered that stands at a place in the order of those that nobody has allowed, newest first. */
export async function unusedSince(database: Database, place: number): Promise<Date | undefined> {
  const [row] = await database
    .select({ createdAt: apps.createdAt })
    .from(apps)
    .where(eq(apps.allowed, false))
    .orderBy(desc(apps.createdAt))
    .limit(1)
    .offset(place);
  return row?.createdAt;
}

export async function findConsent(
  executor: Executor,
  userId: string,
  appId: string,
): Promise<ConsentRow | undefined> {
  const [row] = await executor.select().from(consents).where(ofPersonAndApp(userId, appId));
  return row;
}

/** Locks what a person has allowed an app; undefined for nothing yet. */
export async function lockConsent(
  transaction: Transaction,
  userId: string,
  appId: string,
): Promise<ConsentRow | undefined> {
  const [row] = await transaction.select().from(consents).where(ofPersonAndApp(userId, appId)).for('update');
  return row;
}

export async function putConsent(transaction: Transaction, consent: ConsentRow): Promise<void> {
  const { scopes, givenAt } = consent;
  await transaction.insert(consents).values(consent).onDuplicateKeyUpdate({ set: { scopes, givenAt } });
}

/** @returns whether there was one */
export async function deleteConsent(
  transaction: Transaction,
  userId: string,
  appId: string,
): Promise<boolean> {
  const [result] = await transaction.delete(consents).where(ofPersonAndApp(userId, appId));
  return result.affectedRows > 0;
}

export async function deleteConsents(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(consents).where(eq(consents.userId, userId));
}

/** What a person has allowed an app, and when it was last used. */
export interface AllowedAppRow {
  readonly app: AppRow;
  readonly consent: ConsentRow;
  readonly usedAt: Date | null;
}

/** What a person has allowed, by app, with the app's last use; newest app first. */
export async function listConsents(
  database: Database,
  userId: string,
  page: { beforeId: string | null; limit: number },
): Promise<AllowedAppRow[]> {
  const used = database
    .select({ appId: sessions.appId, at: max(sessions.lastUsedAt).as('used_at') })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), isNull(sessions.endedAt)))
    .groupBy(sessions.appId)
    .as('used');
  return database
    .select({ app: apps, consent: consents, usedAt: used.at })
    .from(consents)
    .innerJoin(apps, eq(apps.id, consents.appId))
    .leftJoin(used, eq(used.appId, consents.appId))
    .where(
      and(
        eq(consents.userId, userId),
        page.beforeId === null ? undefined : lt(consents.appId, page.beforeId),
      ),
    )
    .orderBy(desc(consents.appId))
    .limit(page.limit);
}

const ofPersonAndApp = (userId: string, appId: string) =>
  and(eq(consents.userId, userId), eq(consents.appId, appId));
