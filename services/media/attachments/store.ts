import { and, eq, inArray } from 'drizzle-orm';
import { DATABASE_NOW } from '#kit/mysql/columns';
import type { Database } from '#kit/mysql/database';
import { media, mediaVersions } from '../schema';

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
      checksum: mediaVersions.sha256,
    })
    .from(media)
    .innerJoin(
      mediaVersions,
      and(eq(mediaVersions.mediaId, media.id), eq(mediaVersions.version, media.currentVersion)),
    )
    .where(inArray(media.id, [...ids]));

/** Makes those of these files public that belong to the owner. */
export async function makePublic(database: Database, ownerId: string, ids: readonly string[]): Promise<void> {
  await database
    .update(media)
    .set({ visibility: 'public', updatedAt: DATABASE_NOW })
    .where(and(inArray(media.id, [...ids]), eq(media.ownerId, ownerId), eq(media.visibility, 'private')));
}
