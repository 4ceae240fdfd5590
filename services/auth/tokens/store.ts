import { and, desc, eq, gt, lt, or, sql } from 'drizzle-orm';
import type { Caller } from '#kit/auth/caller';
import type { Revocation } from '#kit/auth/denylist';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { apps, appTokens, revokedTokens, sessions } from '../schema';
import type { SessionRow } from '../sessions/store';

export type AppTokenRow = typeof appTokens.$inferSelect;

/** Inserts revocations; one that exists is extended and never shortened. */
export async function insertRevocations(
  transaction: Transaction,
  revocations: readonly Revocation[],
): Promise<void> {
  if (revocations.length === 0) return;
  await transaction
    .insert(revokedTokens)
    .values(revocations.map(({ expiresAt, ...rest }) => ({ ...rest, expiresAt: new Date(expiresAt * 1000) })))
    .onDuplicateKeyUpdate({
      set: {
        issuedUntil: sql`greatest(${revokedTokens.issuedUntil}, values(${revokedTokens.issuedUntil}))`,
        expiresAt: sql`greatest(${revokedTokens.expiresAt}, values(${revokedTokens.expiresAt}))`,
      },
    });
}

/** Revocations that have not expired, latest expiry first. */
export async function listRevocations(database: Database, now: Date, limit: number): Promise<Revocation[]> {
  const rows = await database
    .select()
    .from(revokedTokens)
    .where(gt(revokedTokens.expiresAt, now))
    .orderBy(desc(revokedTokens.expiresAt))
    .limit(limit);
  return rows.map((row) => ({ ...row, expiresAt: Math.ceil(row.expiresAt.getTime() / 1000) }));
}

/** Whether a token, its session or all tokens of its user are revoked. */
export async function isRevoked(database: Database, caller: Caller): Promise<boolean> {
  const matches = (kind: Revocation['kind'], subject: string) =>
    and(eq(revokedTokens.kind, kind), eq(revokedTokens.subject, subject));
  const rows = await database
    .select({ kind: revokedTokens.kind, issuedUntil: revokedTokens.issuedUntil })
    .from(revokedTokens)
    .where(
      or(matches('token', caller.tokenId), matches('session', caller.sessionId), matches('user', caller.id)),
    );
  return rows.some((row) => row.kind !== 'user' || caller.issuedAt <= row.issuedUntil);
}

/** An opaque token of an app that exists, with the session that it belongs to. */
export async function findAppToken(
  database: Database,
  hash: string,
): Promise<{ appToken: AppTokenRow; session: SessionRow | null } | undefined> {
  const [found] = await database
    .select({ appToken: appTokens, session: sessions })
    .from(appTokens)
    .innerJoin(apps, eq(apps.id, appTokens.appId))
    .leftJoin(sessions, eq(sessions.id, appTokens.sessionId))
    .where(eq(appTokens.hash, hash));
  return found;
}

export async function deleteAppToken(executor: Executor, hash: string): Promise<void> {
  await executor.delete(appTokens).where(eq(appTokens.hash, hash));
}

/** Records when a session was last used. */
export async function recordUse(database: Database, sessionId: string, lastUsedAt: Date): Promise<void> {
  await database.update(sessions).set({ lastUsedAt }).where(eq(sessions.id, sessionId));
}

/** Deletes up to `limit` expired revocations. @returns the number deleted */
export async function deleteExpiredRevocations(
  database: Database,
  now: Date,
  limit: number,
): Promise<number> {
  const [result] = await database.delete(revokedTokens).where(lt(revokedTokens.expiresAt, now)).limit(limit);
  return result.affectedRows;
}
