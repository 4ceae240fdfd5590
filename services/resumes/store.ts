import { and, desc, eq, lt, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { owners, resumes } from './schema';

export type ResumeRow = typeof resumes.$inferSelect;
export type ResumeContent = Pick<ResumeRow, 'title' | 'visibility' | 'shareToken' | 'document'>;

/** Increments the number of an owner's résumés. Their row stays locked until the transaction ends. */
export async function incrementCount(transaction: Transaction, ownerId: string): Promise<number> {
  await transaction
    .insert(owners)
    .values({ id: ownerId, resumesCount: 1 })
    .onDuplicateKeyUpdate({ set: { resumesCount: sql`${owners.resumesCount} + 1` } });
  const [owner] = await transaction.select().from(owners).where(eq(owners.id, ownerId));
  return owner?.resumesCount ?? 0;
}

/** @param resume.version 1 when unset, and the times now; an imported résumé has its own */
export async function insertResume(
  transaction: Transaction,
  resume: ResumeContent &
    Pick<ResumeRow, 'id' | 'ownerId'> &
    Partial<Pick<ResumeRow, 'version' | 'createdAt' | 'updatedAt'>>,
): Promise<void> {
  await transaction
    .insert(resumes)
    .values({ version: 1, createdAt: DATABASE_NOW, updatedAt: DATABASE_NOW, ...resume });
}

export async function findResume(executor: Executor, id: string): Promise<ResumeRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor.select().from(resumes).where(eq(resumes.id, id));
  return row;
}

/** Locks a résumé until the transaction ends. */
export async function lockResume(transaction: Transaction, id: string): Promise<ResumeRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await transaction.select().from(resumes).where(eq(resumes.id, id)).for('update');
  return row;
}

/** Newest first. */
export async function listResumes(
  database: Database,
  request: { ownerId: string | undefined; publicOnly: boolean; beforeId: string | null; limit: number },
): Promise<ResumeRow[]> {
  const { ownerId, publicOnly, beforeId, limit } = request;
  return database
    .select()
    .from(resumes)
    .where(
      and(
        ownerId === undefined ? undefined : eq(resumes.ownerId, ownerId),
        publicOnly ? eq(resumes.visibility, 'public') : undefined,
        beforeId === null ? undefined : lt(resumes.id, beforeId),
      ),
    )
    .orderBy(desc(resumes.id))
    .limit(limit);
}

export async function updateResume(
  transaction: Transaction,
  id: string,
  content: ResumeContent,
): Promise<void> {
  await transaction
    .update(resumes)
    .set({ ...content, version: sql`${resumes.version} + 1`, updatedAt: DATABASE_NOW })
    .where(eq(resumes.id, id));
}

export async function deleteResume(transaction: Transaction, resume: ResumeRow): Promise<void> {
  await transaction.delete(resumes).where(eq(resumes.id, resume.id));
  await transaction
    .update(owners)
    .set({ resumesCount: sql`${owners.resumesCount} - 1` })
    .where(eq(owners.id, resume.ownerId));
}

export async function deleteResumesOf(transaction: Transaction, ownerId: string): Promise<void> {
  await transaction.delete(resumes).where(eq(resumes.ownerId, ownerId));
  await transaction.delete(owners).where(eq(owners.id, ownerId));
}
