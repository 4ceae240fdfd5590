import { aliasedTable, and, eq, isNull, or, sql } from 'drizzle-orm';
import type { Database, Transaction } from '#kit/mysql/database';
import { posts } from '../../schema';

/** A post's stored counts beside the actual ones. */
export interface PostCounts {
  readonly id: string;
  readonly repliesCount: number;
  readonly repostsCount: number;
  readonly quotesCount: number;
  readonly replies: number;
  readonly reposts: number;
  readonly quotes: number;
}

/** The counts of the next posts in the order of their ids. */
export async function countReferences(
  database: Database,
  afterId: string,
  limit: number,
): Promise<PostCounts[]> {
  const other = aliasedTable(posts, 'other');
  const counted = (
    column: typeof other.replyTo | typeof other.repostOf | typeof other.plainRepostOf,
    also = sql`true`,
  ) =>
    sql`(select count(*) from ${posts} as ${sql.identifier('other')}
      where ${column} = ${sql.raw('`posts`.`id`')} and ${other.deletedAt} is null and ${other.visibility} = 'public' and ${also})`.mapWith(
      Number,
    );
  return database
    .select({
      id: posts.id,
      repliesCount: posts.repliesCount,
      repostsCount: posts.repostsCount,
      quotesCount: posts.quotesCount,
      replies: counted(other.replyTo),
      reposts: counted(other.plainRepostOf),
      quotes: counted(other.repostOf, sql`${other.plainRepostOf} is null`),
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
    .select({ replyTo: posts.replyTo, repostOf: posts.repostOf, plainRepostOf: posts.plainRepostOf })
    .from(posts)
    .where(
      and(
        or(eq(posts.replyTo, id), eq(posts.repostOf, id)),
        isNull(posts.deletedAt),
        eq(posts.visibility, 'public'),
      ),
    );
  await transaction
    .update(posts)
    .set({
      repliesCount: rows.filter((row) => row.replyTo === id).length,
      repostsCount: rows.filter((row) => row.plainRepostOf === id).length,
      quotesCount: rows.filter((row) => row.repostOf === id && row.plainRepostOf === null).length,
    })
    .where(eq(posts.id, id));
}
