import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { media, mediaPosts, mediaVersions } from '../schema';

export interface AttachmentRow {
  readonly id: string;
  readonly owner_id: string;
  readonly type: string;
  readonly status: 'processing' | 'ready' | 'rejected';
  readonly visibility: 'public' | 'private';
  readonly checksum: string;
}

/** The current versions of these files. */
export const findCurrentVersions = (database: Database, ids: readonly string[]): Promise<AttachmentRow[]> =>
  database
    .select({
      id: media.id,
      owner_id: media.ownerId,
      type: mediaVersions.type,
      status: mediaVersions.status,
      visibility: media.visibility,
      checksum: sql<string>`lower(hex(coalesce(${mediaVersions.copySha256}, ${mediaVersions.sha256})))`,
    })
    .from(media)
    .innerJoin(
      mediaVersions,
      and(eq(mediaVersions.mediaId, media.id), eq(mediaVersions.version, media.currentVersion)),
    )
    .where(inArray(media.id, [...ids]));

interface Showing {
  readonly mediaId: string;
  readonly postId: string;
}

const isShowing = ({ mediaId, postId }: Showing) =>
  and(eq(mediaPosts.mediaId, mediaId), eq(mediaPosts.postId, postId));

/** Records that a post shows a file, which must be locked. @returns false when that, or its deletion, is recorded already */
export async function addPost(transaction: Transaction, showing: Showing): Promise<boolean> {
  if ((await transaction.$count(mediaPosts, isShowing(showing))) > 0) return false;
  await transaction.insert(mediaPosts).values({ ...showing, deleted: false });
  return true;
}

/** Records that a post that showed a file is deleted, also when it was not known to. The file must be locked. */
export async function endPost(transaction: Transaction, showing: Showing): Promise<void> {
  await transaction
    .insert(mediaPosts)
    .values({ ...showing, deleted: true })
    .onDuplicateKeyUpdate({ set: { deleted: true } });
}

export const isShown = async (transaction: Transaction, mediaId: string): Promise<boolean> =>
  (await transaction.$count(
    mediaPosts,
    and(eq(mediaPosts.mediaId, mediaId), eq(mediaPosts.deleted, false)),
  )) > 0;

/** The ids of the files that a post is known to show. */
export async function idsShownBy(executor: Executor, postId: string): Promise<string[]> {
  const rows = await executor
    .select({ id: mediaPosts.mediaId })
    .from(mediaPosts)
    .where(eq(mediaPosts.postId, postId));
  return rows.map(({ id }) => id);
}
