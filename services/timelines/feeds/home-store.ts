import { and, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import { type Database, prepareOnce } from '#kit/mysql/database';
import { NEWEST, type Slice } from '../lists/store';
import { follows, posts } from '../schema';
import { mergeNewestFirst } from './merge';

const prepared = prepareOnce((database) => {
  const viewer = sql.param(sql.placeholder('viewer'), follows.followerId);
  const newest = () =>
    database.select({ id: posts.id }).from(posts).orderBy(desc(posts.id)).limit(sql.placeholder('limit'));
  const older = lt(posts.id, sql.placeholder('after'));
  const followees = database
    .select({ id: follows.followeeId })
    .from(follows)
    .where(and(eq(follows.followerId, viewer), eq(follows.active, true)));
  return {
    ofFollowees: newest()
      .where(and(inArray(posts.authorId, followees), older))
      .prepare(),
    ofAuthor: newest()
      .where(and(eq(posts.authorId, viewer), older))
      .prepare(),
  };
});

/**
 * Ids of the posts of a person and of the people they follow, newest first: the content of a home timeline. Like all
 * lists it may include deleted posts, which are dropped at hydration: so the indexes cover the query.
 */
export async function listHome(database: Database, viewerId: string, slice: Slice): Promise<string[]> {
  const values = { viewer: viewerId, after: slice.after ?? NEWEST, limit: slice.limit };
  const { ofFollowees, ofAuthor } = prepared(database);
  const [followees, own] = await Promise.all([ofFollowees.execute(values), ofAuthor.execute(values)]);
  const ids = (rows: { id: string }[]) => rows.map((row) => row.id);
  return mergeNewestFirst(ids(followees), ids(own)).slice(0, slice.limit);
}
