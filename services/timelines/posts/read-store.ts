import { and, asc, eq, gt, inArray, isNotNull, isNull, sql } from 'drizzle-orm';
import { type Database, prepareOnce } from '#kit/mysql/database';
import { postMentions, posts } from '../schema';

/** One statement is prepared for each batch size; the ids of a batch are padded to the next size. */
const BATCH_SIZES = [1, 10, 25, 50, 100];
/** The largest batch of `readPosts`. */
export const LARGEST_BATCH = 100;
const NO_POST = '0';

const prepared = prepareOnce(
  (database) => new Map(BATCH_SIZES.map((size) => [size, preparePosts(database, size)])),
);

const preparePosts = (database: Database, size: number) =>
  database
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
      isDeleted: isNotNull(posts.deletedAt).mapWith(Boolean),
    })
    .from(posts)
    .where(
      inArray(
        posts.id,
        Array.from({ length: size }, (_, index) => sql.placeholder(`id${index}`)),
      ),
    )
    .prepare();

/** A post as it is stored, the same for everybody. */
export type PostRow = Awaited<ReturnType<ReturnType<typeof preparePosts>['execute']>>[number];

/** The posts with these ids, deleted ones included; at most `LARGEST_BATCH`. */
export async function readPosts(database: Database, ids: readonly string[]): Promise<PostRow[]> {
  const size = BATCH_SIZES.find((each) => each >= ids.length) ?? LARGEST_BATCH;
  const values = Object.fromEntries(
    Array.from({ length: size }, (_, index) => [`id${index}`, ids[index] ?? NO_POST]),
  );
  return (await prepared(database).get(size)?.execute(values)) ?? [];
}

/** The ids of the people mentioned in posts, by post id. */
export async function readMentions(
  database: Database,
  postIds: readonly string[],
): Promise<Map<string, string[]>> {
  if (postIds.length === 0) return new Map();
  const rows = await database
    .select()
    .from(postMentions)
    .where(inArray(postMentions.postId, [...postIds]));
  return new Map(
    [...Map.groupBy(rows, (row) => row.postId)].map(([postId, mentions]) => [
      postId,
      mentions.map(({ personId }) => personId),
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
