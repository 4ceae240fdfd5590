import { aliasedTable, and, eq, isNull, or, sql } from 'drizzle-orm';
import type { Database, Transaction } from '#kit/mysql/database';
import { posts } from '../schema';

const LOCK = 'timelines:recount';

/** @returns undefined, without running the work, when another connection holds the lock */
export async function withRecountLock<Result>(
  database: Database,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  // `get_lock` belongs to a connection, which only a transaction holds on to.
  return database.transaction(async (transaction) => {
    const [acquired] = await transaction
      .select({ lock: sql`get_lock(${LOCK}, 0)`.mapWith(Number) })
      .from(sql`dual`);
    if (acquired?.lock !== 1) return undefined;
    try {
      return await work();
    } finally {
      await transaction.execute(sql`do release_lock(${LOCK})`);
    }
  });
}

/** A post's stored counts beside the actual ones. */
export interface PostCounts {
  readonly id: string;
  readonly repliesCount: number;
  readonly repostsCount: number;
  readonly replies: number;
  readonly reposts: number;
}

/** The counts of the next posts in the order of their ids. */
export async function countReferences(
  database: Database,
  afterId: string,
  limit: number,
): Promise<PostCounts[]> {
  const other = aliasedTable(posts, 'other');
  const counted = (column: typeof other.replyTo | typeof other.repostOf) =>
    sql`(select count(*) from ${posts} as ${sql.identifier('other')}
      where ${column} = ${sql.raw('`posts`.`id`')} and ${other.deletedAt} is null)`.mapWith(Number);
  return database
    .select({
      id: posts.id,
      repliesCount: posts.repliesCount,
      repostsCount: posts.repostsCount,
      replies: counted(other.replyTo),
      reposts: counted(other.repostOf),
    })
    .from(posts)
    .where(sql`${posts.id} > ${afterId}`)
    .orderBy(posts.id)
    .limit(limit);
}

/** Sets a post's counts to the actual ones, under the row lock that every change of them takes. */
export async function repairCounts(transaction: Transaction, id: string): Promise<void> {
  await transaction.select({ id: posts.id }).from(posts).where(eq(posts.id, id)).for('update');
  const rows = await transaction
    .select({ replyTo: posts.replyTo, repostOf: posts.repostOf })
    .from(posts)
    .where(and(or(eq(posts.replyTo, id), eq(posts.repostOf, id)), isNull(posts.deletedAt)));
  await transaction
    .update(posts)
    .set({
      repliesCount: rows.filter((row) => row.replyTo === id).length,
      repostsCount: rows.filter((row) => row.repostOf === id).length,
    })
    .where(eq(posts.id, id));
}
