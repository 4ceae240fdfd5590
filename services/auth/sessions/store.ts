import { and, asc, desc, eq, gt, inArray, isNull, lt, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { deleteGrantsOf, deleteTokensOfSessions, eraseAppTokens } from '../oauth/store';
import { browserSessions, refreshTokens, sessions } from '../schema';
import { SESSION_IDLE_MS } from './rules';

export type SessionRow = typeof sessions.$inferSelect;
export type RefreshTokenRow = typeof refreshTokens.$inferSelect;

export async function insertSession(transaction: Transaction, session: SessionRow): Promise<void> {
  await transaction.insert(sessions).values(session);
}

export async function insertRefreshToken(
  transaction: Transaction,
  token: { hash: string; sessionId: string },
): Promise<void> {
  await transaction.insert(refreshTokens).values(token);
}

export async function findSession(executor: Executor, id: string): Promise<SessionRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [session] = await executor.select().from(sessions).where(eq(sessions.id, id));
  return session;
}

export async function findSessionOfRefreshToken(
  database: Database,
  hash: string,
): Promise<{ session: SessionRow; token: RefreshTokenRow } | undefined> {
  const [found] = await database
    .select({ session: sessions, token: refreshTokens })
    .from(refreshTokens)
    .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
    .where(eq(refreshTokens.hash, hash));
  return found;
}

export async function lockSession(transaction: Transaction, id: string): Promise<SessionRow | undefined> {
  const [session] = await transaction.select().from(sessions).where(eq(sessions.id, id)).for('update');
  return session;
}

/** A locking read: a plain one would return the snapshot from before the session was locked. */
export async function lockRefreshToken(
  transaction: Transaction,
  hash: string,
): Promise<RefreshTokenRow | undefined> {
  const [token] = await transaction
    .select()
    .from(refreshTokens)
    .where(eq(refreshTokens.hash, hash))
    .for('update');
  return token;
}

export async function markUsed(transaction: Transaction, hash: string, usedAt: Date): Promise<void> {
  await transaction.update(refreshTokens).set({ usedAt }).where(eq(refreshTokens.hash, hash));
}

export async function touchSession(
  transaction: Transaction,
  id: string,
  use: { lastUsedAt: Date; expiresAt: Date },
): Promise<void> {
  await transaction.update(sessions).set(use).where(eq(sessions.id, id));
}

export async function endSessions(
  transaction: Transaction,
  ids: readonly string[],
  endedAt: Date,
): Promise<void> {
  if (ids.length === 0) return;
  await transaction
    .update(sessions)
    .set(ended(endedAt))
    .where(and(inArray(sessions.id, [...ids]), isNull(sessions.endedAt)));
}

/** Ends all sessions of a user, those of apps as well, and what would open new ones. */
export async function endAllSessions(transaction: Transaction, userId: string, endedAt: Date): Promise<void> {
  // First: a code that is being exchanged is waited for, and its session is ended as well.
  await deleteGrantsOf(transaction, userId);
  await transaction
    .update(sessions)
    .set(ended(endedAt))
    .where(and(eq(sessions.userId, userId), isNull(sessions.endedAt)));
}

/** An ended session is deleted with the expired ones, also one that had no end. */
const ended = (endedAt: Date) => ({
  endedAt,
  expiresAt: sql`least(${sessions.expiresAt}, ${sql.param(new Date(endedAt.getTime() + SESSION_IDLE_MS), sessions.expiresAt)})`,
});

/**
 * The ids of a user's sessions that have not been ended, oldest first.
 *
 * @param of one app, or null for the user's own; all without it
 */
export async function listOpenSessionIds(
  transaction: Transaction,
  userId: string,
  of?: { appId: string | null },
): Promise<string[]> {
  const rows = await transaction
    .select({ id: sessions.id })
    .from(sessions)
    .where(
      and(
        eq(sessions.userId, userId),
        isNull(sessions.endedAt),
        of === undefined
          ? undefined
          : of.appId === null
            ? isNull(sessions.appId)
            : eq(sessions.appId, of.appId),
      ),
    )
    .orderBy(asc(sessions.id));
  return rows.map((row) => row.id);
}

/** More than anybody's networks of a month. */
const MAX_ADDRESSES = 200;

/**
 * The addresses from which a user has signed in, in sessions that have not expired or been deleted yet. Those of apps are of
 * their servers.
 */
export async function listAddresses(database: Database, userId: string): Promise<string[]> {
  const rows = await database
    .selectDistinct({ address: sessions.address })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), isNull(sessions.appId)))
    .limit(MAX_ADDRESSES);
  return rows.map(({ address }) => address);
}

/** A user's own active sessions, newest first. */
export async function listSessions(
  database: Database,
  userId: string,
  page: { beforeId: string | null; limit: number; now: Date },
): Promise<SessionRow[]> {
  return database
    .select()
    .from(sessions)
    .where(
      and(
        eq(sessions.userId, userId),
        isNull(sessions.appId),
        isNull(sessions.endedAt),
        gt(sessions.expiresAt, page.now),
        page.beforeId === null ? undefined : lt(sessions.id, page.beforeId),
      ),
    )
    .orderBy(desc(sessions.id))
    .limit(page.limit);
}

/** A user's sessions, newest first, also those that have ended and are not deleted yet. */
export async function listAllSessions(
  database: Database,
  userId: string,
  page: { beforeId: string | null; limit: number },
): Promise<SessionRow[]> {
  return database
    .select()
    .from(sessions)
    .where(
      and(eq(sessions.userId, userId), page.beforeId === null ? undefined : lt(sessions.id, page.beforeId)),
    )
    .orderBy(desc(sessions.id))
    .limit(page.limit);
}

/** Deletes a user's sessions, with their refresh tokens and browsers. */
export async function eraseSessions(transaction: Transaction, userId: string): Promise<void> {
  const ids = transaction.select({ id: sessions.id }).from(sessions).where(eq(sessions.userId, userId));
  await eraseAppTokens(transaction, userId);
  await transaction.delete(refreshTokens).where(inArray(refreshTokens.sessionId, ids));
  await transaction.delete(browserSessions).where(inArray(browserSessions.sessionId, ids));
  await transaction.delete(sessions).where(eq(sessions.userId, userId));
}

/** Deletes up to `limit` sessions that expired before a moment. @returns the number deleted */
export async function deleteExpiredSessions(
  transaction: Transaction,
  before: Date,
  limit: number,
): Promise<number> {
  const expired = await transaction
    .select({ id: sessions.id })
    .from(sessions)
    .where(lt(sessions.expiresAt, before))
    .limit(limit);
  const ids = expired.map((row) => row.id);
  if (ids.length === 0) return 0;
  await deleteTokensOfSessions(transaction, ids);
  await transaction.delete(refreshTokens).where(inArray(refreshTokens.sessionId, ids));
  await transaction.delete(browserSessions).where(inArray(browserSessions.sessionId, ids));
  await transaction.delete(sessions).where(inArray(sessions.id, ids));
  return ids.length;
}
