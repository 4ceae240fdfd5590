import { and, count, eq, isNull, lt, or, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import { media, mediaVersions } from '../schema';
import type { VersionRow } from '../versions/store';

export type Uncopied = Pick<VersionRow, 'mediaId' | 'version' | 'sha256' | 'type'> & {
  readonly ownerId: string;
};

/** Of new files the worker is asked when they are uploaded. */
const isStored = and(eq(mediaVersions.status, 'ready'), eq(mediaVersions.copyStatus, 'pending'));
const isRequested = (hours: number) =>
  sql`${mediaVersions.copyRequestedAt} > ${DATABASE_NOW} - interval ${hours} hour`;

export async function markRequested(
  transaction: Transaction,
  { mediaId, version }: Pick<VersionRow, 'mediaId' | 'version'>,
): Promise<void> {
  await transaction
    .update(mediaVersions)
    .set({ copyRequestedAt: DATABASE_NOW })
    .where(and(eq(mediaVersions.mediaId, mediaId), eq(mediaVersions.version, version)));
}

/** The number of copies that the worker has been asked for within `hours` and has not recorded. */
export async function countRequested(executor: Executor, hours: number): Promise<number> {
  const [row] = await executor
    .select({ requested: count() })
    .from(mediaVersions)
    .where(and(isStored, isRequested(hours)));
  return row?.requested ?? 0;
}

/** Locks some versions without a copy, those that another instance has locked left out. */
export async function lockUncopied(
  transaction: Transaction,
  hours: number,
  limit: number,
): Promise<Uncopied[]> {
  const { mediaId, version, sha256, type, copyRequestedAt } = mediaVersions;
  return transaction
    .select({ mediaId, version, sha256, type, ownerId: media.ownerId })
    .from(mediaVersions)
    .innerJoin(media, eq(media.id, mediaId))
    .where(
      and(
        isStored,
        or(isNull(copyRequestedAt), lt(copyRequestedAt, sql`${DATABASE_NOW} - interval ${hours} hour`)),
      ),
    )
    .limit(limit)
    .for('update', { skipLocked: true });
}
