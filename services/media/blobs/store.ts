import { and, eq, inArray, sql } from 'drizzle-orm';
import { type Database, inTransaction, type Transaction } from '#kit/mysql/database';
import type { FileStorage } from '#kit/storage/file-storage';
import type { MediaDeps } from '../deps';
import { mediaBlobs } from '../schema';

/**
 * Reference counts of stored blobs. A blob is written before the row that references it commits, and deleted before the
 * row without references is, each while that row is locked. So a row with references always has its blob, and what a
 * crash leaves behind (a blob without a row, or a row without references) is found by `deleteOrphans`.
 */
export type BlobsDeps = Pick<MediaDeps, 'database' | 'storage'>;

/** A blob to be referenced. */
export interface Reference {
  readonly sha256: string;
  readonly size: number;
  /** Writes the blob again where it was deleted concurrently. */
  readonly store: () => Promise<void>;
}

/** Adds one reference to each blob. Lock order: the file first, blobs last. */
export async function addReferences(
  transaction: Transaction,
  storage: FileStorage,
  references: readonly Reference[],
): Promise<void> {
  for (const { sha256, size, store } of references.toSorted(bySha256)) {
    await transaction
      .insert(mediaBlobs)
      .values({ sha256, size, referenceCount: 1 })
      .onDuplicateKeyUpdate({ set: { referenceCount: sql`${mediaBlobs.referenceCount} + 1` } });
    if (!(await storage.holds(sha256))) await store();
  }
}

/** Removes one reference for each name in the list. Call `deleteUnreferenced` after the commit. */
export async function releaseReferences(transaction: Transaction, names: readonly string[]): Promise<void> {
  for (const sha256 of names.toSorted())
    await transaction
      .update(mediaBlobs)
      .set({ referenceCount: sql`${mediaBlobs.referenceCount} - 1` })
      .where(eq(mediaBlobs.sha256, sha256));
}

/** Deletes the blobs that have no references left, and their rows. */
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

const ORPHAN_BATCH_SIZE = 500;

/** Deletes what crashes left behind: blobs without references and blobs without a row. @returns their number */
export async function deleteOrphans(deps: BlobsDeps): Promise<number> {
  const { database, storage } = deps;
  const rows = await database
    .select({ sha256: mediaBlobs.sha256 })
    .from(mediaBlobs)
    .where(eq(mediaBlobs.referenceCount, 0))
    .limit(ORPHAN_BATCH_SIZE);
  await deleteUnreferenced(
    deps,
    rows.map(({ sha256 }) => sha256),
  );
  let deleted = rows.length;
  for await (const names of inBatches(storage.list(), ORPHAN_BATCH_SIZE))
    for (const sha256 of await withoutRow(database, names)) if (await deleteOrphan(deps, sha256)) deleted++;
  return deleted;
}

/** A concurrent `addReferences` waits for this row, finds the blob deleted, and writes it again. */
async function deleteOrphan({ database, storage }: BlobsDeps, sha256: string): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [inserted] = await transaction
      .insert(mediaBlobs)
      .ignore()
      .values({ sha256, size: 0, referenceCount: 0 });
    if (inserted.affectedRows === 0) return false;
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
