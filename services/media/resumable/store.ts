import { and, asc, count, eq, isNull, lt, or, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import { resumableParts, resumableUploads } from '../schema';

/** Ids of uploads are 32 hexadecimal digits in URLs, and UUIDs in the table. */
export type UploadRow = typeof resumableUploads.$inferSelect;

const byId = (id: string) => eq(resumableUploads.id, id);
const isUnfinished = isNull(resumableUploads.fileId);

/** Idempotent: an upload that exists is left as it is. */
export async function insertUpload(
  executor: Executor,
  upload: Pick<UploadRow, 'id' | 'ownerId' | 'size' | 'metadata'>,
): Promise<void> {
  await executor
    .insert(resumableUploads)
    .ignore()
    .values({ ...upload, received: 0, createdAt: DATABASE_NOW });
}

export async function findUpload(executor: Executor, id: string): Promise<UploadRow | undefined> {
  const [row] = await executor.select().from(resumableUploads).where(byId(id));
  return row;
}

/** Every change of an upload's parts holds this lock. */
export async function lockUpload(transaction: Transaction, id: string): Promise<UploadRow | undefined> {
  const [row] = await transaction.select().from(resumableUploads).where(byId(id)).for('update');
  return row;
}

export async function updateUpload(
  executor: Executor,
  id: string,
  change: Partial<Pick<UploadRow, 'size' | 'received'>>,
): Promise<void> {
  await executor.update(resumableUploads).set(change).where(byId(id));
}

export async function markFinished(executor: Executor, id: string, fileId: string): Promise<void> {
  await executor.update(resumableUploads).set({ fileId, finishedAt: DATABASE_NOW }).where(byId(id));
}

export async function deleteUpload(executor: Executor, id: string): Promise<void> {
  await executor.delete(resumableUploads).where(byId(id));
}

export async function idsOfOwner(executor: Executor, ownerId: string, limit: number): Promise<string[]> {
  const rows = await executor
    .select({ id: resumableUploads.id })
    .from(resumableUploads)
    .where(eq(resumableUploads.ownerId, ownerId))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** The number of a user's unfinished uploads, and the bytes they may come to hold. */
export async function readStaged(
  executor: Executor,
  ownerId: string,
): Promise<{ uploads: number; bytes: number }> {
  const bytes = sql<string>`coalesce(sum(greatest(coalesce(${resumableUploads.size}, 0), ${resumableUploads.received})), 0)`;
  const [row] = await executor
    .select({ uploads: count(), bytes })
    .from(resumableUploads)
    .where(and(eq(resumableUploads.ownerId, ownerId), isUnfinished));
  return { uploads: row?.uploads ?? 0, bytes: Number(row?.bytes ?? 0) };
}

/** Uploads that were not finished in time, and those that were finished as long ago. */
export async function findExpired(executor: Executor, seconds: number, limit: number): Promise<string[]> {
  const before = sql`${DATABASE_NOW} - interval ${seconds} second`;
  const rows = await executor
    .select({ id: resumableUploads.id })
    .from(resumableUploads)
    .where(
      and(lt(resumableUploads.createdAt, before), or(isUnfinished, lt(resumableUploads.finishedAt, before))),
    )
    .limit(limit);
  return rows.map(({ id }) => id);
}

export type PartRow = typeof resumableParts.$inferSelect;

export async function insertPart(transaction: Transaction, part: PartRow): Promise<void> {
  await transaction.insert(resumableParts).values(part);
}

/** In the order of their bytes. */
export async function listParts(executor: Executor, uploadId: string): Promise<PartRow[]> {
  return executor
    .select()
    .from(resumableParts)
    .where(eq(resumableParts.uploadId, uploadId))
    .orderBy(asc(resumableParts.position));
}

export async function deleteParts(transaction: Transaction, uploadId: string): Promise<void> {
  await transaction.delete(resumableParts).where(eq(resumableParts.uploadId, uploadId));
}
