import { eq, inArray, sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import type { Executor, Transaction } from '#kit/mysql/database';
import { mediaTags, mediaTagsMedia } from '../schema';

/** The tags of several files, each in alphabetical order. */
export async function findTags(
  executor: Executor,
  mediaIds: readonly string[],
): Promise<Map<string, string[]>> {
  const tags = new Map<string, string[]>();
  if (mediaIds.length === 0) return tags;
  const rows = await executor
    .select({ mediaId: mediaTagsMedia.mediaId, name: mediaTags.name })
    .from(mediaTagsMedia)
    .innerJoin(mediaTags, eq(mediaTags.id, mediaTagsMedia.tagId))
    .where(inArray(mediaTagsMedia.mediaId, [...mediaIds]))
    .orderBy(mediaTags.name);
  for (const { mediaId, name } of rows) tags.set(mediaId, [...(tags.get(mediaId) ?? []), name]);
  return tags;
}

export async function replaceTags(
  transaction: Transaction,
  mediaId: string,
  names: readonly string[],
): Promise<void> {
  await transaction.delete(mediaTagsMedia).where(eq(mediaTagsMedia.mediaId, mediaId));
  if (names.length === 0) return;
  await transaction
    .insert(mediaTags)
    .values(names.toSorted().map((name) => ({ id: uuidv7(), name })))
    .onDuplicateKeyUpdate({ set: { id: sql`${mediaTags.id}` } });
  const ids = transaction
    .select({
      mediaId: sql<string>`${Buffer.from(mediaId.replaceAll('-', ''), 'hex')}`.as('media_id'),
      tagId: mediaTags.id,
    })
    .from(mediaTags)
    .where(inArray(mediaTags.name, [...names]));
  await transaction.insert(mediaTagsMedia).select(ids);
}
