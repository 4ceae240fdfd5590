import { and, desc, eq, gt, lt, or, sql } from 'drizzle-orm';
import type { Caller } from '#kit/auth/caller';
import type { Revocation } from '#kit/auth/denylist';
import type { Database, Transaction } from '#kit/mysql/database';
import { revokedTokens } from '../schema';

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

/** Deletes up to `limit` expired revocations. @returns the number deleted */
export async function deleteExpiredRevocations(
  database: Database,
  now: Date,
  limit: number,
): Promise<number> {
  const [result] = await database.delete(revokedTokens).where(lt(revokedTokens.expiresAt, now)).limit(limit);
  return result.affectedRows;
}
