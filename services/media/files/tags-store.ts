import { and, eq, inArray, isNull, not, sql } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { type Database, type Executor, inTransaction, type Transaction } from '#kit/mysql/database';
import { isDuplicate } from '#kit/mysql/failures';
import { identityKey, normalizeText } from '#kit/text/identity';
import { mediaTags, mediaTagsMedia } from '../schema';

/** Tags are the same in upper and lower case. */
export const tagKey = (name: string): string => identityKey(name, 'ignore');

/** The tags of several files as they were typed for each, in alphabetical order. */
export async function findTags(
  executor: Executor,
  mediaIds: readonly string[],
): Promise<Map<string, string[]>> {
  const tags = new Map<string, string[]>();
  if (mediaIds.length === 0) return tags;
  const name = sql<string>`coalesce(${mediaTagsMedia.name}, ${mediaTags.name})`;
  const rows = await executor
    .select({ mediaId: mediaTagsMedia.mediaId, name })
    .from(mediaTagsMedia)
    .innerJoin(mediaTags, eq(mediaTags.id, mediaTagsMedia.tagId))
    .where(inArray(mediaTagsMedia.mediaId, [...mediaIds]))
    .orderBy(name, mediaTags.key);
  for (const row of rows) tags.set(row.mediaId, [...(tags.get(row.mediaId) ?? []), row.name]);
  return tags;
}

/** Of names with one key, the first counts. */
export async function replaceTags(
  transaction: Transaction,
  mediaId: string,
  names: readonly string[],
): Promise<void> {
  await removeTags(transaction, mediaId);
  const byKey = new Map(names.toReversed().map((name) => [tagKey(name), normalizeText(name)]));
  if (byKey.size === 0) return;
  // In one order everywhere, so that two transactions do not wait for each other.
  const keys = [...byKey.keys()].toSorted();
  await transaction
    .insert(mediaTags)
    .values(keys.map((key) => ({ id: uuidv7(), key, name: byKey.get(key) ?? key })))
    .onDuplicateKeyUpdate({ set: { id: sql`${mediaTags.id}` } });
  const tags = await transaction
    .select({ id: mediaTags.id, key: mediaTags.key })
    .from(mediaTags)
    .where(inArray(mediaTags.key, keys))
    .for('update');
  await transaction
    .insert(mediaTagsMedia)
    .values(tags.map(({ id, key }) => ({ mediaId, tagId: id, name: byKey.get(key ?? '') ?? null })));
}

/** Removes the tags of a file, and those that no other file has: they are words of whoever typed them. */
export async function removeTags(transaction: Transaction, mediaId: string): Promise<void> {
  const ofMedia = eq(mediaTagsMedia.mediaId, mediaId);
  const tags = await transaction.select({ id: mediaTagsMedia.tagId }).from(mediaTagsMedia).where(ofMedia);
  if (tags.length === 0) return;
  await transaction.delete(mediaTagsMedia).where(ofMedia);
  const ids = tags.map(({ id }) => id).toSorted();
  const isUsed = sql`exists (select 1 from ${mediaTagsMedia} where ${mediaTagsMedia.tagId} = ${mediaTags.id})`;
  await transaction.delete(mediaTags).where(and(inArray(mediaTags.id, ids), not(isUsed)));
}

const BATCH_SIZE = 500;

/**
 * Derives the keys of tags that were stored before there were any and that SQL could not derive. Resumable, and several
 * instances may run it at once. Tags with one key become one.
 */
export async function backfillTagKeys(database: Database): Promise<void> {
  for (;;) {
    const rows = await database.select().from(mediaTags).where(isNull(mediaTags.key)).limit(BATCH_SIZE);
    if (rows.length === 0) return;
    for (const { id, name } of rows)
      try {
        await database
          .update(mediaTags)
          .set({ key: tagKey(name) })
          .where(eq(mediaTags.id, id));
      } catch (failure) {
        if (!isDuplicate(failure)) throw failure;
        await mergeTag(database, id, tagKey(name));
      }
  }
}

/** Moves the files of a tag to the one that has its key, with the name they had. */
async function mergeTag(database: Database, id: string, key: string): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const [tag] = await transaction.select().from(mediaTags).where(eq(mediaTags.id, id)).for('update');
    const [other] = await transaction.select().from(mediaTags).where(eq(mediaTags.key, key));
    if (tag === undefined || other === undefined) return;
    const links = await transaction.select().from(mediaTagsMedia).where(eq(mediaTagsMedia.tagId, id));
    if (links.length > 0)
      await transaction
        .insert(mediaTagsMedia)
        .ignore()
        .values(links.map((link) => ({ ...link, tagId: other.id, name: link.name ?? tag.name })));
    await transaction.delete(mediaTagsMedia).where(eq(mediaTagsMedia.tagId, id));
    await transaction.delete(mediaTags).where(eq(mediaTags.id, id));
  });
}
