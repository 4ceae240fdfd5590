import { and, desc, eq, inArray, like, lt, or } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import { media, mediaPosts, mediaSizes, mediaTags, mediaTagsMedia, mediaVersions } from '../schema';
import type { VersionRow } from '../versions/store';
import { removeTags, tagKey } from './tags-store';

export type MediaRow = typeof media.$inferSelect;

/** A file with its current version. */
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
  row: Pick<MediaRow, 'id' | 'ownerId' | 'bucketName' | 'categoryId' | 'visibility'> &
    Partial<Pick<MediaRow, 'createdAt' | 'updatedAt'>>,
): Promise<void> {
  await transaction.insert(media).values({
    currentVersion: 1,
    latestVersion: 1,
    createdAt: DATABASE_NOW,
    updatedAt: DATABASE_NOW,
    ...row,
  });
}

export async function updateMedia(
  transaction: Transaction,
  id: string,
  change: Partial<
    Pick<
      MediaRow,
      'visibility' | 'publicByPosts' | 'categoryId' | 'currentVersion' | 'latestVersion' | 'updatedAt'
    >
  >,
): Promise<void> {
  await transaction
    .update(media)
    .set({ updatedAt: DATABASE_NOW, ...change })
    .where(eq(media.id, id));
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

/** Every change of a file holds this lock, and takes it before any other. */
export async function lockMedia(transaction: Transaction, id: string): Promise<MediaRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await transaction.select().from(media).where(eq(media.id, id)).for('update');
  return row;
}

export interface FileFilter {
  /** The user whose private files are listed besides the public ones; `everybody` lists all private files. */
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
    .where(eq(mediaTags.key, tagKey(tag ?? '')));
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
        filter.beforeId === null ? undefined : lt(media.id, filter.beforeId),
      ),
    )
    .orderBy(desc(media.id))
    .limit(filter.limit);
}

/** `image/*` matches every subtype. */
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

/** Deletes the rows of a locked file. @returns the names of the blobs they referenced, and the bytes of its versions */
export async function deleteMedia(
  transaction: Transaction,
  mediaId: string,
): Promise<{ names: string[]; versionBytes: number }> {
  const versions = await transaction.select().from(mediaVersions).where(eq(mediaVersions.mediaId, mediaId));
  const sizes = await transaction.select().from(mediaSizes).where(eq(mediaSizes.mediaId, mediaId));
  await transaction.delete(mediaSizes).where(eq(mediaSizes.mediaId, mediaId));
  await removeTags(transaction, mediaId);
  await transaction.delete(mediaPosts).where(eq(mediaPosts.mediaId, mediaId));
  await transaction.delete(mediaVersions).where(eq(mediaVersions.mediaId, mediaId));
  await transaction.delete(media).where(eq(media.id, mediaId));
  return {
    names: [
      ...[...versions, ...sizes].map(({ sha256 }) => sha256),
      ...versions.flatMap(({ copySha256 }) => copySha256 ?? []),
    ],
    versionBytes: versions.reduce((sum, { size }) => sum + size, 0),
  };
}
