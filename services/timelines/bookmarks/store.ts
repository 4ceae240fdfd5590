import { and, asc, desc, eq, gt, lt } from 'drizzle-orm';
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

/** The first added first. @param page.after the sort key of the last bookmark of the previous page */
export async function listOwnBookmarks(
  database: Database,
  userId: string,
  page: { after: string; limit: number },
): Promise<Entry[]> {
  return database
    .select({ key: bookmarks.since, id: bookmarks.postId })
    .from(bookmarks)
    .where(and(eq(bookmarks.userId, userId), gt(bookmarks.since, page.after)))
    .orderBy(asc(bookmarks.since))
    .limit(page.limit);
}

/** @returns false when the user has the bookmark already */
export async function importBookmark(
  database: Database,
  bookmark: typeof bookmarks.$inferInsert,
): Promise<boolean> {
  const [{ affectedRows }] = await database.insert(bookmarks).ignore().values(bookmark);
  return affectedRows > 0;
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
