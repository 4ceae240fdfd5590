import { batchCalls } from '#kit/core/queues/batches';
import { type OutboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { type Database, inTransaction, prepareOnce } from '#kit/mysql/database';
import { isConnectionFailure } from '#kit/mysql/failures';
import { UserNotFound } from '../model';
import { listErased } from '../people/store';
import type { ResolvedPost } from './resolve';
import { insertedPost, outboxEntriesOf, writePost } from './write';
import { type InsertedPost, insertPosts } from './write-store';

/** Posts of one transaction. */
const MAX_GROUP = 50;
/** A response waits this much longer at most, and only under load. */
const PACE_MS = 5;
/** Groups committed concurrently: one prepares while another waits for the disk. */
const CONCURRENCY = 2;

/**
 * Writes a post in a transaction, like `writePost`. Posts that refer to no others, as most do, share one with those of
 * concurrent requests: they wait for no row of each other's, and a transaction costs six round trips however many they are.
 *
 * @throws AlreadyReposted, ReferencedPostNotFound, UserNotFound; then nothing of this post is written
 */
export async function commitPost(database: Database, id: string, post: ResolvedPost): Promise<void> {
  const { replyTo, repostOf } = post.references;
  if (replyTo !== null || repostOf !== null)
    return inTransaction(database, (transaction) => writePost(transaction, id, post));
  // The entries carry the trace of this request.
  const written = { inserted: insertedPost(id, post), entries: outboxEntriesOf(id, post) };
  if (!(await group(database)(written))) throw new UserNotFound();
}

interface WrittenPost {
  readonly inserted: InsertedPost;
  readonly entries: readonly OutboxEntry[];
}

/** Whether each post was written: not when its author has been erased. */
const group = prepareOnce((database) =>
  batchCalls<WrittenPost, boolean>(
    (posts) =>
      inTransaction(database, async (transaction) => {
        // Erasure deletes the posts that it finds: one that is written at the same time must not come after it.
        const erased = await listErased(transaction, [...new Set(posts.map(authorOf))]);
        const written = posts.filter((post) => !erased.has(authorOf(post)));
        if (written.length > 0) {
          await insertPosts(
            transaction,
            written.map(({ inserted }) => inserted),
          );
          await writeOutbox(
            transaction,
            written.flatMap(({ entries }) => entries),
          );
        }
        return posts.map((post) => !erased.has(authorOf(post)));
      }),
    {
      maxSize: MAX_GROUP,
      paceMs: PACE_MS,
      concurrency: CONCURRENCY,
      isOutage: isConnectionFailure,
    },
  ),
);

const authorOf = ({ inserted }: WrittenPost): string => inserted.row.authorId;
