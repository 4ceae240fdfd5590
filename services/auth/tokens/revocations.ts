import { and, desc, eq, gt, lt, or, sql } from 'drizzle-orm';
import { SessionRevoked, TokenRevoked, UserTokensRevoked } from '#contracts/events/auth';
import type { Caller } from '#kit/auth/caller';
import type { Denylist, Revocation } from '#kit/auth/denylist';
import type { Runtime } from '#kit/core/runtime';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import { revokedTokens } from '../schema';

export interface RevocationDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly outbox: { wake(): void };
  /** This process's own memory of what is revoked. */
  readonly denylist: Denylist;
  readonly tokenLifetimeMs: number;
  readonly now: () => number;
}

type Subject = Pick<Revocation, 'kind' | 'subject'>;
export type Revoke = (subject: Subject) => void;

/** As many as fit well into one gRPC message; a process that missed more keeps the newest. */
const MOST_LISTED = 20_000;

/**
 * Runs a change that ends access tokens. What it hands to `revoke` is recorded and announced with the change, in one
 * transaction, and refused here as soon as that is committed.
 *
 * @param userId whose tokens they are
 */
export async function revoking<Result>(
  deps: RevocationDeps,
  userId: string,
  work: (transaction: Transaction, revoke: Revoke) => Promise<Result>,
): Promise<Result> {
  const nowSeconds = Math.floor(deps.now() / 1000);
  const expiresAt = nowSeconds + Math.ceil(deps.tokenLifetimeMs / 1000) + 1;
  const { result, revocations } = await inTransaction(deps.database, async (transaction) => {
    const subjects: Subject[] = [];
    const worked = await work(transaction, (subject) => subjects.push(subject));
    const made = subjects.map((subject) => ({ ...subject, issuedUntil: nowSeconds, expiresAt }));
    await record(transaction, made);
    await writeOutbox(
      transaction,
      made.map((revocation) => announcementOf(revocation, userId)),
    );
    return { result: worked, revocations: made };
  });
  for (const revocation of revocations) deps.denylist.add(revocation);
  if (revocations.length > 0) deps.outbox.wake();
  return result;
}

async function record(transaction: Transaction, revocations: readonly Revocation[]): Promise<void> {
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

function announcementOf({ kind, subject, issuedUntil, expiresAt }: Revocation, userId: string) {
  const options = { aggregate: { type: kind, id: subject, version: issuedUntil }, actor: userId };
  const about = { user_id: userId, expires_at: expiresAt };
  if (kind === 'token') return outboxEntry(TokenRevoked, { token_id: subject, ...about }, options);
  if (kind === 'session') return outboxEntry(SessionRevoked, { session_id: subject, ...about }, options);
  return outboxEntry(UserTokensRevoked, { issued_until: issuedUntil, ...about }, options);
}

/** All that is revoked and could still be used: what a process starts its memory with. */
export async function listRevocations(deps: Pick<RevocationDeps, 'database' | 'now'>): Promise<Revocation[]> {
  const rows = await deps.database
    .select()
    .from(revokedTokens)
    .where(gt(revokedTokens.expiresAt, new Date(deps.now())))
    .orderBy(desc(revokedTokens.expiresAt))
    .limit(MOST_LISTED);
  // The oldest first: a memory that is full lets go of those.
  return rows.reverse().map((row) => ({ ...row, expiresAt: Math.ceil(row.expiresAt.getTime() / 1000) }));
}

/** Whether the record itself says that a token is revoked, beyond any process's memory. */
export async function isRecorded(database: Database, caller: Caller): Promise<boolean> {
  const named = (kind: Revocation['kind'], subject: string) =>
    and(eq(revokedTokens.kind, kind), eq(revokedTokens.subject, subject));
  const rows = await database
    .select({ kind: revokedTokens.kind, issuedUntil: revokedTokens.issuedUntil })
    .from(revokedTokens)
    .where(or(named('token', caller.tokenId), named('session', caller.sessionId), named('user', caller.id)));
  return rows.some((row) => row.kind !== 'user' || caller.issuedAt <= row.issuedUntil);
}

export async function deleteEndedRevocations(database: Database, now: Date, limit: number): Promise<number> {
  const [result] = await database.delete(revokedTokens).where(lt(revokedTokens.expiresAt, now)).limit(limit);
  return result.affectedRows;
}
