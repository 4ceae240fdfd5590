import { and, count, desc, eq, gt, inArray, isNull, lt, ne, or } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { archives } from './schema';

export type ArchiveRow = typeof archives.$inferSelect;
export type ArchiveKind = ArchiveRow['kind'];

/** The owner is part of the key, so that no archive of another user is ever read. */
export interface ArchiveKey {
  readonly id: string;
  readonly ownerId: string;
  readonly kind: ArchiveKind;
}

/** An export that its owner has deleted. The row counts towards the limit of a day. */
const DELETED = 'export.deleted';
const isShown = or(isNull(archives.code), ne(archives.code, DELETED));

const matches = ({ id, ownerId, kind }: ArchiveKey) =>
  and(eq(archives.id, id), eq(archives.ownerId, ownerId), eq(archives.kind, kind), isShown);

export async function insertArchive(
  transaction: Transaction,
  archive: Pick<ArchiveRow, 'id' | 'ownerId' | 'kind'> & Partial<Pick<ArchiveRow, 'sha256' | 'size'>>,
): Promise<void> {
  await transaction.insert(archives).values({ ...archive, status: 'pending', createdAt: DATABASE_NOW });
}

export async function findArchive(executor: Executor, key: ArchiveKey): Promise<ArchiveRow | undefined> {
  if (!isUuid(key.id)) return undefined;
  const [row] = await executor.select().from(archives).where(matches(key));
  return row;
}

/** Archives of an owner, newest first. */
export async function listArchives(
  database: Database,
  request: { ownerId: string; kind: ArchiveKind; beforeId: string | null; limit: number },
): Promise<ArchiveRow[]> {
  const { ownerId, kind, beforeId, limit } = request;
  return database
    .select()
    .from(archives)
    .where(
      and(
        eq(archives.ownerId, ownerId),
        eq(archives.kind, kind),
        isShown,
        beforeId === null ? undefined : lt(archives.id, beforeId),
      ),
    )
    .orderBy(desc(archives.id))
    .limit(limit);
}

/** Locks an owner's archives created after `since`, and the gap in which a new one would be. */
export async function lockRecentArchives(
  transaction: Transaction,
  ownerId: string,
  since: Date,
): Promise<Pick<ArchiveRow, 'status' | 'createdAt'>[]> {
  return transaction
    .select({ status: archives.status, createdAt: archives.createdAt })
    .from(archives)
    .where(and(eq(archives.ownerId, ownerId), gt(archives.createdAt, since)))
    .for('update');
}

/** @returns false unless the archive was pending */
export async function finishArchive(
  executor: Executor,
  target: { id: string; kind?: ArchiveKind },
  result: Partial<Pick<ArchiveRow, 'sha256' | 'size' | 'collections' | 'code'>> & Pick<ArchiveRow, 'status'>,
): Promise<boolean> {
  const [{ affectedRows }] = await executor
    .update(archives)
    .set({ ...result, finishedAt: DATABASE_NOW })
    .where(
      and(
        eq(archives.id, target.id),
        target.kind === undefined ? undefined : eq(archives.kind, target.kind),
        eq(archives.status, 'pending'),
      ),
    );
  return affectedRows > 0;
}

/** Fails the archives whose work has died each time, so that their owners can start another one. */
export async function failPendingBefore(database: Database, before: Date, code: string): Promise<void> {
  await database
    .update(archives)
    .set({ status: 'failed', code, finishedAt: DATABASE_NOW })
    .where(and(eq(archives.status, 'pending'), lt(archives.createdAt, before)));
}

export async function listArchivesBefore(
  database: Database,
  before: Date,
  limit: number,
): Promise<Pick<ArchiveRow, 'id' | 'sha256'>[]> {
  return database
    .select({ id: archives.id, sha256: archives.sha256 })
    .from(archives)
    .where(lt(archives.createdAt, before))
    .limit(limit);
}

export async function listArchivesOf(
  database: Database,
  ownerId: string,
): Promise<Pick<ArchiveRow, 'id' | 'sha256'>[]> {
  return database
    .select({ id: archives.id, sha256: archives.sha256 })
    .from(archives)
    .where(eq(archives.ownerId, ownerId));
}

/** Hides an export from its owner and ends its reference to the file; a job that is still to write it comes to nothing. */
export async function markDeleted(executor: Executor, id: string): Promise<void> {
  await executor
    .update(archives)
    .set({ status: 'failed', code: DELETED, sha256: null, size: null, collections: null })
    .where(eq(archives.id, id));
}

export async function deleteArchive(executor: Executor, id: string): Promise<void> {
  await executor.delete(archives).where(eq(archives.id, id));
}

/** Locks the name of a file: no archive that references it is added until the transaction ends. */
export async function lockReferences(transaction: Transaction, sha256: string): Promise<number> {
  const [row] = await transaction
    .select({ references: count() })
    .from(archives)
    .where(eq(archives.sha256, sha256))
    .for('update');
  return row?.references ?? 0;
}

/** @returns those of the names that an archive references */
export async function findReferenced(
  database: Database,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  if (names.length === 0) return new Set();
  const rows = await database
    .select({ sha256: archives.sha256 })
    .from(archives)
    .where(inArray(archives.sha256, [...names]));
  return new Set(rows.flatMap(({ sha256 }) => (sha256 === null ? [] : [sha256])));
}
