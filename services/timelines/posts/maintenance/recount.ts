import { Counter } from 'prom-client';
import { runOnSchedule } from '#kit/core/schedule';
import { inTransaction } from '#kit/mysql/database';
import { withLease } from '#kit/mysql/leases/with-lease';
import type { TimelinesDeps } from '../../deps';
import { countReferences, type PostCounts, repairCounts } from './recount-store';

type RecountDeps = Pick<TimelinesDeps, 'runtime' | 'database' | 'changes'>;

/** 03:00 UTC, when traffic is lowest. */
const NIGHTLY = '0 3 * * *';
const BATCH_POSTS = 500;
const LEASE = 'recount';

/** Recounts replies, reposts and quotes every night in one of the instances, and reports posts whose counts had drifted. */
export function recountNightly(deps: RecountDeps): void {
  const repaired = new Counter({
    name: 'post_counts_repaired_total',
    help: 'Posts whose stored count of replies, reposts or quotes was wrong',
    registers: [deps.runtime.metrics],
  });
  runOnSchedule(deps.runtime, 'recounting', NIGHTLY, async () => repaired.inc(await recount(deps)));
}

/**
 * Recounts replies, reposts and quotes and repairs what differs, unless another instance is running a recount.
 *
 * @returns number of repaired posts
 */
export async function recount(deps: RecountDeps): Promise<number> {
  return (await withLease(deps.database, { name: LEASE }, (lost) => recountAll(deps, lost))) ?? 0;
}

/** A repair counts under the row's lock: one by an instance that no longer holds the lease is right as well. */
async function recountAll({ database, runtime, changes }: RecountDeps, lost: AbortSignal): Promise<number> {
  let repaired = 0;
  let after = '0';
  while (!runtime.closing.aborted && !lost.aborted) {
    const batch = await countReferences(database, after, BATCH_POSTS);
    for (const counts of batch.filter(hasDrifted)) {
      runtime.log.warn(counts, 'the counts of a post had drifted');
      await inTransaction(database, (transaction) => repairCounts(transaction, counts.id));
      await changes.announce([{ kind: 'post', postId: counts.id }]);
      repaired++;
    }
    const last = batch.at(-1);
    if (last === undefined) break;
    after = last.id;
  }
  runtime.log.info({ repaired }, 'posts recounted');
  return repaired;
}

const hasDrifted = (post: PostCounts) =>
  post.repliesCount !== post.replies ||
  post.repostsCount !== post.reposts ||
  post.quotesCount !== post.quotes;
