import { and, desc, eq, gt, lt, ne, or, sql } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Executor, Transaction } from '#kit/mysql/database';
import { media, mediaVersions } from '../schema';

export type VersionRow = typeof mediaVersions.$inferSelect;

export async function insertVersion(
  transaction: Transaction,
  row: Pick<
    VersionRow,
    'mediaId' | 'version' | 'fileName' | 'sha256' | 'size' | 'type' | 'status' | 'copyStatus'
  >,
): Promise<void> {
  await transaction.insert(mediaVersions).values({ ...row, createdAt: DATABASE_NOW });
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

/** The versions of a person's files that are not the current ones, by file and number. */
export async function listOldVersions(
  executor: Executor,
  ownerId: string,
  page: { after: Pick<VersionRow, 'mediaId' | 'version'> | null; limit: number },
): Promise<VersionRow[]> {
  const { mediaId, version } = mediaVersions;
  const rows = await executor
    .select({ version: mediaVersions })
    .from(media)
    .innerJoin(mediaVersions, eq(mediaId, media.id))
    .where(
      and(
        eq(media.ownerId, ownerId),
        ne(version, media.currentVersion),
        page.after === null
          ? undefined
          : or(
              gt(mediaId, page.after.mediaId),
              and(eq(mediaId, page.after.mediaId), gt(version, page.after.version)),
            ),
      ),
    )
    .orderBy(mediaId, version)
    .limit(page.limit);
  return rows.map((row) => row.version);
}

/** Versions that have been processing for longer than `minutes`. */
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
