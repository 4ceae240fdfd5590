import { batchCalls } from '#kit/core/queues/batches';
import { type OutboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { isConnectionFailure } from '#kit/mysql/failures';
import type { TimelinesDeps } from '../deps';
import { addToFeeds } from '../feeds/store';
import { UserNotFound } from '../model';
import { listErased } from '../people/store';
import { changesOfNewPost } from './changes';
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
 * Writes a post in a transaction, like `writePost`, and makes it known (`makeKnown`). Posts that refer to no others, as most
 * do, share both with those of concurrent requests: they wait for no row of each other's, and a transaction costs six round
 * trips however many they are.
 *
 * @throws AlreadyReposted, ReferencedPostNotFound, UserNotFound; then nothing of this post is written
 */
export async function commitPost(deps: TimelinesDeps, id: string, post: ResolvedPost): Promise<void> {
  const { replyTo, repostOf } = post.references;
  if (replyTo !== null || repostOf !== null) {
    await inTransaction(deps.database, (transaction) => writePost(transaction, id, post));
    return makeKnown(deps, [{ id, post }]);
  }
  // The entries carry the trace of this request.
  const written = { id, post, inserted: insertedPost(id, post), entries: outboxEntriesOf(id, post) };
  const { isWritten, known } = await groupOf(deps)(written);
  if (!isWritten) throw new UserNotFound();
  await known;
}

/**
 * After the commit: wakes the relay, lets the authors read their own posts at once, and announces them to all processes.
 * Best effort, as the fan-out delivers to authors as well, and what processes remember without announcements expires.
 */
export async function makeKnown(
  deps: TimelinesDeps,
  posts: readonly { readonly id: string; readonly post: ResolvedPost }[],
): Promise<void> {
  deps.outbox.wake();
  const postsOf = Map.groupBy(posts, ({ post }) => post.author.id);
  const idsOf = new Map([...postsOf].map(([author, own]) => [author, own.map(({ id }) => id)]));
  addToFeeds(deps.redis, idsOf, deps.homeSize).catch((failure: unknown) => {
    deps.runtime.log.debug({ err: failure }, 'own feeds not updated; left to the fan-out');
  });
  await deps.changes.announce(posts.flatMap(({ id, post }) => changesOfNewPost(id, post)));
}

interface WrittenPost {
  readonly id: string;
  readonly post: ResolvedPost;
  readonly inserted: InsertedPost;
  readonly entries: readonly OutboxEntry[];
}

interface Outcome {
  /** Not when the author has been erased. */
  readonly isWritten: boolean;
  /** Apart from the outcome: the next group need not wait for Redis. */
  readonly known: Promise<void>;
}

type Group = (post: WrittenPost) => Promise<Outcome>;

const groups = new WeakMap<TimelinesDeps, Group>();

function groupOf(deps: TimelinesDeps): Group {
  const group = groups.get(deps) ?? createGroup(deps);
  groups.set(deps, group);
  return group;
}

const createGroup = (deps: TimelinesDeps): Group =>
  batchCalls<WrittenPost, Outcome>(
    async (posts) => {
      const written = await inTransaction(deps.database, (transaction) => writePosts(transaction, posts));
      const known = makeKnown(deps, written);
      return posts.map((post) => ({ isWritten: written.includes(post), known }));
    },
    {
      maxSize: MAX_GROUP,
      paceMs: PACE_MS,
      concurrency: CONCURRENCY,
      isOutage: isConnectionFailure,
    },
  );

/** @returns the posts that were written: not those of erased authors */
async function writePosts(transaction: Transaction, posts: readonly WrittenPost[]): Promise<WrittenPost[]> {
  // Erasure deletes the posts that it finds: one that is written at the same time must not come after it.
  const erased = await listErased(transaction, [...new Set(posts.map(authorOf))]);
  const written = posts.filter((post) => !erased.has(authorOf(post)));
  if (written.length === 0) return written;
  await insertPosts(
    transaction,
    written.map(({ inserted }) => inserted),
  );
  await writeOutbox(
    transaction,
    written.flatMap(({ entries }) => entries),
  );
  return written;
}

const authorOf = ({ inserted }: WrittenPost): string => inserted.row.authorId;
