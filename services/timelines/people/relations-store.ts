import { and, eq, inArray, or, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '#kit/mysql/database';
import { blocks, bookmarks, follows, mutes, streamAuthors } from '../schema';
import { NO_RELATIONS, type Relations } from './relations';

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

/** A set with more people is not remembered: `relationsAmong` reads what a page needs of it. */
const MAX_REMEMBERED = 5_000;

/** All relations of a viewer, unless they are too many. */
export async function readRelations(database: Database, viewerId: string): Promise<Relations> {
  const limit = MAX_REMEMBERED + 1;
  const [followed, muted, blockedByViewer, blockedByOthers] = await Promise.all([
    database
      .select({ id: follows.followeeId })
      .from(follows)
      .where(and(eq(follows.followerId, viewerId), eq(follows.active, true)))
      .limit(limit),
    database
      .select({ id: mutes.otherId })
      .from(mutes)
      .where(and(eq(mutes.userId, viewerId), eq(mutes.active, true)))
      .limit(limit),
    database
      .select({ id: blocks.otherId })
      .from(blocks)
      .where(and(eq(blocks.userId, viewerId), eq(blocks.active, true)))
      .limit(limit),
    database
      .select({ id: blocks.userId })
      .from(blocks)
      .where(and(eq(blocks.otherId, viewerId), eq(blocks.active, true)))
      .limit(limit),
  ]);
  return {
    followed: setOf(followed),
    muted: setOf(muted),
    blocked: setOf([...blockedByViewer, ...blockedByOthers]),
  };
}

const setOf = (rows: readonly { id: string }[]) =>
  rows.length > MAX_REMEMBERED ? null : new Set(rows.map((row) => row.id));

/** The relations of a viewer with some people only. */
export async function relationsAmong(
  database: Database,
  viewerId: string,
  otherIds: readonly string[],
): Promise<Relations> {
  if (otherIds.length === 0) return NO_RELATIONS;
  const others = [...otherIds];
  const [followed, muted, blocked] = await Promise.all([
    database
      .select({ id: follows.followeeId })
      .from(follows)
      .where(
        and(eq(follows.followerId, viewerId), inArray(follows.followeeId, others), eq(follows.active, true)),
      ),
    database
      .select({ id: mutes.otherId })
      .from(mutes)
      .where(and(eq(mutes.userId, viewerId), inArray(mutes.otherId, others), eq(mutes.active, true))),
    findBlocked(database, viewerId, others),
  ]);
  return { followed: setOf(followed), muted: setOf(muted), blocked };
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
