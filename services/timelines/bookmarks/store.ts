import { and, desc, eq, lt } from 'drizzle-orm';
import type { Database } from '#kit/mysql/database';
import { type Entry, NEWEST, type Slice } from '../lists/store';
import { bookmarks } from '../schema';

export async function insertBookmark(
  database: Database,
  bookmark: typeof bookmarks.$inferInsert,
): Promise<void> {
  await database.insert(bookmarks).ignore().values(bookmark);
}

export async function deleteBookmark(database: Database, userId: string, postId: string): Promise<void> {
  await database.delete(bookmarks).where(and(eq(bookmarks.userId, userId), eq(bookmarks.postId, postId)));
}

/** The last added first. */
export async function listBookmarks(database: Database, userId: string, slice: Slice): Promise<Entry[]> {
  return database
    .select({ key: bookmarks.since, id: bookmarks.postId })
    .from(bookmarks)
    .where(and(eq(bookmarks.userId, userId), lt(bookmarks.since, slice.after ?? NEWEST)))
    .orderBy(desc(bookmarks.since))
    .limit(slice.limit);
}
