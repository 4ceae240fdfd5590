import { aliasedTable, and, asc, eq, gt, inArray, isNull, sql } from 'drizzle-orm';
import { type Database, prepareOnce } from '#kit/mysql/database';
import { blocks, follows, mutes, people, postMentions, posts } from '../schema';

/** The viewer of an anonymous request: no relation has this id. */
const ANONYMOUS = '00000000-0000-0000-0000-000000000000';

/** One statement is prepared for each batch size; the ids of a page are padded to the next size. */
const BATCH_SIZES = [1, 10, 25, 50, 101];
const LARGEST_BATCH = 101;
const NO_POST = '0';

const prepared = prepareOnce(
  (database) => new Map(BATCH_SIZES.map((size) => [size, preparePosts(database, size)])),
);

/** Posts with their authors and the relations between each author and the viewer. */
function preparePosts(database: Database, size: number) {
  const blockedByViewer = aliasedTable(blocks, 'blocked_by_viewer');
  const blockedByAuthor = aliasedTable(blocks, 'blocked_by_author');
  const viewer = sql.param(sql.placeholder('viewer'), people.id);
  const ids = Array.from({ length: size }, (_, index) => sql.placeholder(`id${index}`));
  const isActive = (column: typeof follows.active | typeof mutes.active | typeof blockedByViewer.active) =>
    sql`coalesce(${column}, 0)`;
  return database
    .select({
      id: posts.id,
      authorId: posts.authorId,
      text: posts.text,
      replyTo: posts.replyTo,
      rootId: posts.rootId,
      repostOf: posts.repostOf,
      visibility: posts.visibility,
      pollId: posts.pollId,
      mediaIds: posts.mediaIds,
      hashtags: posts.hashtags,
      repliesCount: posts.repliesCount,
      repostsCount: posts.repostsCount,
      quotesCount: posts.quotesCount,
      username: people.username,
      displayName: people.displayName,
      avatarUrl: people.avatarUrl,
      followed: isActive(follows.active).mapWith(Boolean),
      muted: isActive(mutes.active).mapWith(Boolean),
      blocked: sql`${isActive(blockedByViewer.active)} or ${isActive(blockedByAuthor.active)}`.mapWith(
        Boolean,
      ),
    })
    .from(posts)
    .innerJoin(people, eq(people.id, posts.authorId))
    .leftJoin(follows, and(eq(follows.followerId, viewer), eq(follows.followeeId, posts.authorId)))
    .leftJoin(mutes, and(eq(mutes.userId, viewer), eq(mutes.otherId, posts.authorId)))
    .leftJoin(
      blockedByViewer,
      and(eq(blockedByViewer.userId, viewer), eq(blockedByViewer.otherId, posts.authorId)),
    )
    .leftJoin(
      blockedByAuthor,
      and(eq(blockedByAuthor.userId, posts.authorId), eq(blockedByAuthor.otherId, viewer)),
    )
    .where(and(inArray(posts.id, ids), isNull(posts.deletedAt), eq(people.deleted, false)))
    .prepare();
}

export type PostRow = Awaited<ReturnType<ReturnType<typeof preparePosts>['execute']>>[number];

/** Finds posts that exist and are not deleted, by id, in queries of at most 101 ids. */
export async function findPosts(
  database: Database,
  ids: readonly string[],
  viewerId: string | null,
): Promise<Map<string, PostRow>> {
  const found = new Map<string, PostRow>();
  for (let start = 0; start < ids.length; start += LARGEST_BATCH) {
    const batch = ids.slice(start, start + LARGEST_BATCH);
    const size = BATCH_SIZES.find((each) => each >= batch.length) ?? LARGEST_BATCH;
    const values = Object.fromEntries(
      Array.from({ length: size }, (_, index) => [`id${index}`, batch[index] ?? NO_POST]),
    );
    const rows = await prepared(database)
      .get(size)
      ?.execute({ ...values, viewer: viewerId ?? ANONYMOUS });
    for (const row of rows ?? []) found.set(row.id, row);
  }
  return found;
}

/** Finds the people mentioned in posts, by post id. Erased people are omitted. */
export async function findMentions(
  database: Database,
  postIds: readonly string[],
): Promise<Map<string, { id: string; username: string }[]>> {
  if (postIds.length === 0) return new Map();
  const rows = await database
    .select({ postId: postMentions.postId, id: people.id, username: people.username })
    .from(postMentions)
    .innerJoin(people, eq(people.id, postMentions.personId))
    .where(and(inArray(postMentions.postId, [...postIds]), eq(people.deleted, false)))
    .orderBy(people.username);
  return new Map(
    [...Map.groupBy(rows, (row) => row.postId)].map(([postId, mentioned]) => [
      postId,
      mentioned.map(({ id, username }) => ({ id, username })),
    ]),
  );
}

/** The posts of an author that are not deleted, oldest first. */
export async function listOwnPosts(
  database: Database,
  authorId: string,
  { afterId, limit }: { afterId: string; limit: number },
): Promise<(typeof posts.$inferSelect)[]> {
  return database
    .select()
    .from(posts)
    .where(and(eq(posts.authorId, authorId), gt(posts.id, afterId), isNull(posts.deletedAt)))
    .orderBy(asc(posts.id))
    .limit(limit);
}

/** The author of a post, deleted or not; undefined when it never existed. */
export async function findAuthorId(database: Database, id: string): Promise<string | undefined> {
  const [row] = await database.select({ authorId: posts.authorId }).from(posts).where(eq(posts.id, id));
  return row?.authorId;
}

/** Whether a post exists, deleted or not. */
export async function postExists(database: Database, id: string): Promise<boolean> {
  return (await findAuthorId(database, id)) !== undefined;
}
