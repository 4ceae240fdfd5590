import { and, desc, eq, lt } from 'drizzle-orm';
import { alias } from 'drizzle-orm/mysql-core';
import type { Database, Transaction } from '#kit/mysql/database';
import { auditLog, auditPersonalValues, users } from '../schema';
import type { Change } from './model';

export async function insertEntry(
  transaction: Transaction,
  entry: Omit<typeof auditLog.$inferInsert, 'at'> & { id: string },
  personal: readonly Change[],
): Promise<void> {
  await transaction.insert(auditLog).values(entry);
  if (personal.length > 0)
    await transaction
      .insert(auditPersonalValues)
      .values({ entryId: entry.id, userId: entry.targetId, changes: [...personal] });
}

export async function deletePersonalValues(transaction: Transaction, userId: string): Promise<void> {
  await transaction.delete(auditPersonalValues).where(eq(auditPersonalValues.userId, userId));
}

/** Entries, newest first, with the usernames of the users that still exist. */
export async function listEntries(
  database: Database,
  page: {
    actorId: string | undefined;
    targetId: string | undefined;
    beforeId: string | null;
    limit: number;
  },
) {
  const { actorId, targetId, beforeId, limit } = page;
  const actors = alias(users, 'actors');
  const targets = alias(users, 'targets');
  return database
    .select({
      entry: auditLog,
      personal: auditPersonalValues.changes,
      actorUsername: actors.username,
      targetUsername: targets.username,
    })
    .from(auditLog)
    .leftJoin(auditPersonalValues, eq(auditPersonalValues.entryId, auditLog.id))
    .leftJoin(actors, eq(actors.id, auditLog.actorId))
    .leftJoin(targets, eq(targets.id, auditLog.targetId))
    .where(
      and(
        actorId === undefined ? undefined : eq(auditLog.actorId, actorId),
        targetId === undefined ? undefined : eq(auditLog.targetId, targetId),
        beforeId === null ? undefined : lt(auditLog.id, beforeId),
      ),
    )
    .orderBy(desc(auditLog.id))
    .limit(limit);
}
