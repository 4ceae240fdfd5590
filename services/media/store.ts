import { and, desc, eq, inArray, like, lt, or, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import { media, mediaSizes, mediaTags, mediaTagsMedia, mediaUsage, mediaVersions } from './schema';

export type MediaRow = typeof media.$inferSelect;
export type VersionRow = typeof mediaVersions.$inferSelect;
export type SizeRow = typeof mediaSizes.$inferSelect;

/** A file with the version that is shown. */
export interface FileRow {
  readonly media: MediaRow;
  readonly version: VersionRow;
}

const currentVersion = and(
  eq(mediaVersions.mediaId, media.id),
  eq(mediaVersions.version, media.currentVersion),
);

export async function insertMedia(
  transaction: Transaction,
  row: Pick<MediaRow, 'id' | 'ownerId' | 'bucketName' | 'categoryId' | 'visibility'>,
): Promise<void> {
  await transaction.insert(media).values({
    ...row,
    currentVersion: 1,
    latestVersion: 1,
    createdAt: DATABASE_NOW,
    updatedAt: DATABASE_NOW,
  });
}

export async function insertVersion(
  transaction: Transaction,
  row: Pick<VersionRow, 'mediaId' | 'version' | 'fileName' | 'sha256' | 'size' | 'type' | 'status'>,
): Promise<void> {
  await transaction.insert(mediaVersions).values({ ...row, createdAt: DATABASE_NOW });
}

export async function updateMedia(
  transaction: Transaction,
  id: string,
  change: Partial<Pick<MediaRow, 'visibility' | 'categoryId' | 'currentVersion' | 'latestVersion'>>,
): Promise<void> {
  await transaction
    .update(media)
    .set({ ...change, updatedAt: DATABASE_NOW })
    .where(eq(media.id, id));
}

export async function updateVersion(
  transaction: Transaction,
  { mediaId, version }: Pick<VersionRow, 'mediaId' | 'version'>,
  change: Partial<Omit<VersionRow, 'mediaId' | 'version'>>,
): Promise<void> {
  await transaction
    .update(mediaVersions)
    .set(change)
    .where(and(eq(mediaVersions.mediaId, mediaId), eq(mediaVersions.version, version)));
}

export async function findFile(executor: Executor, id: string): Promise<FileRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await executor
    .select({ media, version: mediaVersions })
    .from(media)
    .innerJoin(mediaVersions, currentVersion)
    .where(eq(media.id, id));
  return row;
}

/** Everything that changes a file holds this lock, and takes it before any other. */
export async function lockMedia(transaction: Transaction, id: string): Promise<MediaRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await transaction.select().from(media).where(eq(media.id, id)).for('update');
  return row;
}

export async function findVersion(
  executor: Executor,
  mediaId: string,
  version: number,
): Promise<VersionRow | undefined> {
  const [row] = await executor
    .select()
    .from(mediaVersions)
    .where(and(eq(mediaVersions.mediaId, mediaId), eq(mediaVersions.version, version)));
  return row;
}

/** Newest first. */
export async function listVersions(
  executor: Executor,
  mediaId: string,
  page: { beforeVersion: number | null; limit: number },
): Promise<VersionRow[]> {
  return executor
    .select()
    .from(mediaVersions)
    .where(
      and(
        eq(mediaVersions.mediaId, mediaId),
        page.beforeVersion === null ? undefined : lt(mediaVersions.version, page.beforeVersion),
      ),
    )
    .orderBy(desc(mediaVersions.version))
    .limit(page.limit);
}

export interface FileFilter {
  /** Whose private files are shown; everybody's where it is `everybody`. */
  readonly readableBy: string | 'everybody' | null;
  readonly tag: string | undefined;
  readonly categoryId: string | undefined;
  readonly ownerId: string | undefined;
  readonly type: string | undefined;
  readonly beforeId: string | null;
  readonly limit: number;
}

/** Newest first. */
export async function listFiles(executor: Executor, filter: FileFilter): Promise<FileRow[]> {
  const { readableBy, tag, type } = filter;
  const isPublic = eq(media.visibility, 'public');
  const tagged = executor
    .select({ id: mediaTagsMedia.mediaId })
    .from(mediaTagsMedia)
    .innerJoin(mediaTags, eq(mediaTags.id, mediaTagsMedia.tagId))
    .where(eq(mediaTags.name, tag ?? ''));
  return executor
    .select({ media, version: mediaVersions })
    .from(media)
    .innerJoin(mediaVersions, currentVersion)
    .where(
      and(
        readableBy === 'everybody'
          ? undefined
          : readableBy === null
            ? isPublic
            : or(isPublic, eq(media.ownerId, readableBy)),
        filter.ownerId === undefined ? undefined : eq(media.ownerId, filter.ownerId),
        filter.categoryId === undefined ? undefined : eq(media.categoryId, filter.categoryId),
        tag === undefined ? undefined : inArray(media.id, tagged),
        type === undefined ? undefined : ofType(type),
        filter.beforeId === null || !isUuid(filter.beforeId) ? undefined : lt(media.id, filter.beforeId),
      ),
    )
    .orderBy(desc(media.id))
    .limit(filter.limit);
}

/** `image/*` means all whose type begins so. */
const ofType = (type: string) =>
  type.endsWith('/*') ? like(mediaVersions.type, `${type.slice(0, -1)}%`) : eq(mediaVersions.type, type);

export async function idsOfOwner(executor: Executor, ownerId: string, limit: number): Promise<string[]> {
  const rows = await executor
    .select({ id: media.id })
    .from(media)
    .where(eq(media.ownerId, ownerId))
    .limit(limit);
  return rows.map(({ id }) => id);
}

export async function insertSizes(transaction: Transaction, rows: readonly SizeRow[]): Promise<void> {
  await transaction.insert(mediaSizes).values([...rows]);
}

/** Of the versions of several files. */
export async function findSizes(executor: Executor, mediaIds: readonly string[]): Promise<SizeRow[]> {
  if (mediaIds.length === 0) return [];
  return executor
    .select()
    .from(mediaSizes)
    .where(inArray(mediaSizes.mediaId, [...mediaIds]))
    .orderBy(mediaSizes.width);
}

/** Removes the rows of a file, which must be locked. @returns the names of the bytes they referred to, and their sum */
export async function deleteMedia(
  transaction: Transaction,
  mediaId: string,
): Promise<{ names: string[]; versionBytes: number }> {
  const versions = await transaction.select().from(mediaVersions).where(eq(mediaVersions.mediaId, mediaId));
  const sizes = await transaction.select().from(mediaSizes).where(eq(mediaSizes.mediaId, mediaId));
  await transaction.delete(mediaSizes).where(eq(mediaSizes.mediaId, mediaId));
  await transaction.delete(mediaTagsMedia).where(eq(mediaTagsMedia.mediaId, mediaId));
  await transaction.delete(mediaVersions).where(eq(mediaVersions.mediaId, mediaId));
  await transaction.delete(media).where(eq(media.id, mediaId));
  return {
    names: [...versions, ...sizes].map(({ sha256 }) => sha256),
    versionBytes: versions.reduce((sum, { size }) => sum + size, 0),
  };
}

export async function readUsage(executor: Executor, ownerId: string): Promise<number> {
  const [row] = await executor.select().from(mediaUsage).where(eq(mediaUsage.ownerId, ownerId));
  return row?.bytes ?? 0;
}

/** Locks the person's sum. @returns the new one */
export async function addUsage(transaction: Transaction, ownerId: string, bytes: number): Promise<number> {
  await transaction
    .insert(mediaUsage)
    .values({ ownerId, bytes })
    .onDuplicateKeyUpdate({ set: { bytes: sql`${mediaUsage.bytes} + ${bytes}` } });
  return readUsage(transaction, ownerId);
}

export async function subtractUsage(transaction: Transaction, ownerId: string, bytes: number): Promise<void> {
  await transaction
    .update(mediaUsage)
    .set({ bytes: sql`greatest(${mediaUsage.bytes}, ${bytes}) - ${bytes}` })
    .where(eq(mediaUsage.ownerId, ownerId));
}

/** Pictures that nobody has told anything of for so long. */
export async function findAbandoned(
  executor: Executor,
  minutes: number,
  limit: number,
): Promise<Pick<VersionRow, 'mediaId' | 'version'>[]> {
  return executor
    .select({ mediaId: mediaVersions.mediaId, version: mediaVersions.version })
    .from(mediaVersions)
    .where(
      and(
        eq(mediaVersions.status, 'processing'),
        lt(mediaVersions.createdAt, sql`${DATABASE_NOW} - interval ${minutes} minute`),
      ),
    )
    .limit(limit);
}
