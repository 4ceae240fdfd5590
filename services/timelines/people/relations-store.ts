import { and, eq, inArray, or, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { blocks, bookmarks, follows, mutes, streamAuthors } from '../schema';

/** The people among `otherIds` with a block between them and a person, in either direction. */
export async function findBlocked(
  executor: Executor,
  personId: string,
  otherIds: readonly string[],
): Promise<Set<string>> {
  if (otherIds.length === 0) return new Set();
  const rows = await executor
    .select({ userId: blocks.userId, otherId: blocks.otherId })
    .from(blocks)
    .where(
      and(
        eq(blocks.active, true),
        or(
          and(eq(blocks.userId, personId), inArray(blocks.otherId, [...otherIds])),
          and(inArray(blocks.userId, [...otherIds]), eq(blocks.otherId, personId)),
        ),
      ),
    );
  return new Set(rows.map((row) => (row.userId === personId ? row.otherId : row.userId)));
}

export async function findFollow(
  database: Database,
  followerId: string,
  followeeId: string,
): Promise<{ active: boolean; version: number }> {
  const [follow] = await database
    .select({ active: follows.active, version: follows.version })
    .from(follows)
    .where(and(eq(follows.followerId, followerId), eq(follows.followeeId, followeeId)));
  return follow ?? { active: false, version: 0 };
}

/** Stores a follow or unfollow, unless the stored version is newer. */
export async function upsertFollow(database: Database, follow: typeof follows.$inferInsert): Promise<void> {
  await database
    .insert(follows)
    .values(follow)
    .onDuplicateKeyUpdate({ set: changesIfNewer(follows) });
}

/** Stores a block or a mute, or its end, unless the stored version is newer. */
export async function upsertRestriction(
  database: Database,
  table: typeof blocks | typeof mutes,
  restriction: typeof blocks.$inferInsert,
): Promise<void> {
  await database
    .insert(table)
    .values(restriction)
    .onDuplicateKeyUpdate({ set: changesIfNewer(table) });
}

const changesIfNewer = (table: typeof follows | typeof blocks | typeof mutes) => ({
  active: sql`if(values(${table.version}) > ${table.version}, values(${table.active}), ${table.active})`,
  version: sql`greatest(values(${table.version}), ${table.version})`,
});

/** Deletes the relations of an erased person with everyone else, and their bookmarks. */
export async function deleteRelations(transaction: Transaction, id: string): Promise<void> {
  await transaction.delete(follows).where(or(eq(follows.followerId, id), eq(follows.followeeId, id)));
  for (const table of [blocks, mutes])
    await transaction.delete(table).where(or(eq(table.userId, id), eq(table.otherId, id)));
  await transaction.delete(bookmarks).where(eq(bookmarks.userId, id));
  await transaction.delete(streamAuthors).where(eq(streamAuthors.authorId, id));
}
