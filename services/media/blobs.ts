import { and, eq, inArray, sql } from 'drizzle-orm';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import type { FileStorage, ReceivedFile } from '#kit/storage/file-storage';
import { mediaBlobs } from './schema';

/**
 * Bytes and who refers to them. Bytes are written before the row that refers to them commits and deleted before the row
 * without references goes, each while that row is locked: so a row with references always has its bytes, and what a
 * crash leaves (bytes without a row, or a row without references) is found by the sweeper.
 */
export interface BlobsDeps {
  readonly database: Database;
  readonly storage: FileStorage;
}

/** Some bytes that are to be referred to. */
export interface Reference {
  readonly sha256: string;
  readonly size: number;
  /** Puts the bytes into the storage, where somebody else deleted them in between. */
  readonly keep: ReceivedFile['keep'];
}

/** Counts one more reference to each. Call it in the order of other locks: file first, bytes last. */
export async function addReferences(
  transaction: Transaction,
  storage: FileStorage,
  references: readonly Reference[],
): Promise<void> {
  for (const { sha256, size, keep } of references.toSorted(bySha256)) {
    await transaction
      .insert(mediaBlobs)
      .values({ sha256, size, referenceCount: 1 })
      .onDuplicateKeyUpdate({ set: { referenceCount: sql`${mediaBlobs.referenceCount} + 1` } });
    if (!(await storage.holds(sha256))) await keep();
  }
}

/** Counts one reference less for each mention. After the commit call `deleteUnreferenced`. */
export async function releaseReferences(transaction: Transaction, names: readonly string[]): Promise<void> {
  for (const sha256 of names.toSorted())
    await transaction
      .update(mediaBlobs)
      .set({ referenceCount: sql`${mediaBlobs.referenceCount} - 1` })
      .where(eq(mediaBlobs.sha256, sha256));
}

/** Deletes those of the bytes that nothing refers to, and then their rows. */
export async function deleteUnreferenced(deps: BlobsDeps, names: Iterable<string>): Promise<void> {
  for (const sha256 of new Set(names))
    await inTransaction(deps.database, async (transaction) => {
      const [row] = await transaction
        .select()
        .from(mediaBlobs)
        .where(eq(mediaBlobs.sha256, sha256))
        .for('update');
      if (row?.referenceCount === 0) await deleteLocked(transaction, deps.storage, sha256);
    });
}

const SWEPT_ROWS = 500;

/** Deletes what crashes left: bytes without references, and bytes without a row. @returns how many */
export async function sweepBlobs(deps: BlobsDeps): Promise<number> {
  const { database, storage } = deps;
  const rows = await database
    .select({ sha256: mediaBlobs.sha256 })
    .from(mediaBlobs)
    .where(eq(mediaBlobs.referenceCount, 0))
    .limit(SWEPT_ROWS);
  await deleteUnreferenced(
    deps,
    rows.map(({ sha256 }) => sha256),
  );
  let swept = rows.length;
  for await (const names of inBatches(storage.list(), SWEPT_ROWS))
    for (const sha256 of await withoutRow(database, names)) if (await deleteOrphan(deps, sha256)) swept++;
  return swept;
}

/** Whoever wants to refer to it at the same moment waits for this row, finds the bytes gone, and writes them again. */
async function deleteOrphan({ database, storage }: BlobsDeps, sha256: string): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [made] = await transaction
      .insert(mediaBlobs)
      .ignore()
      .values({ sha256, size: 0, referenceCount: 0 });
    if (made.affectedRows === 0) return false;
    await deleteLocked(transaction, storage, sha256);
    return true;
  });
}

async function deleteLocked(transaction: Transaction, storage: FileStorage, sha256: string): Promise<void> {
  await storage.delete(sha256);
  await transaction
    .delete(mediaBlobs)
    .where(and(eq(mediaBlobs.sha256, sha256), eq(mediaBlobs.referenceCount, 0)));
}

async function withoutRow(database: Database, names: readonly string[]): Promise<string[]> {
  const rows = await database
    .select({ sha256: mediaBlobs.sha256 })
    .from(mediaBlobs)
    .where(inArray(mediaBlobs.sha256, [...names]));
  const known = new Set(rows.map(({ sha256 }) => sha256));
  return names.filter((name) => !known.has(name));
}

async function* inBatches(names: AsyncIterable<string>, size: number): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const name of names) {
    batch.push(name);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

const bySha256 = (one: Reference, other: Reference): number => (one.sha256 < other.sha256 ? -1 : 1);
