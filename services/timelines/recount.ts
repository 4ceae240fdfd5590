import { sql } from 'drizzle-orm';
import { Counter } from 'prom-client';
import { runOnSchedule } from '#kit/core/schedule';
import { inTransaction } from '#kit/mysql/database';
import type { TimelinesDeps } from './service';
import { type Drift, recountPosts, repairCounts } from './store';

/** Three in the morning, UTC: when there is the least traffic. */
const NIGHTLY = '0 3 * * *';
const LOCK = 'timelines:recount';
const RECOUNTED_TOGETHER = 500;

/** Recounts replies and reposts every night, in one of the instances, and tells of what was wrong. */
export function recountNightly(deps: TimelinesDeps): void {
  const repaired = new Counter({
    name: 'post_counts_repaired_total',
    help: 'Posts whose count of replies or reposts was not what is there',
    registers: [deps.runtime.metrics],
  });
  runOnSchedule(deps.runtime, 'recounting', NIGHTLY, async () => repaired.inc(await recount(deps)));
}

/**
 * Counts replies and reposts anew and mends what differs, unless another instance is at it.
 *
 * @returns how many posts were mended
 */
export async function recount(deps: TimelinesDeps): Promise<number> {
  // The lock belongs to a connection, and a transaction is what keeps one.
  return deps.database.transaction(async (transaction) => {
    const [taken] = await transaction
      .select({ lock: sql`get_lock(${LOCK}, 0)`.mapWith(Number) })
      .from(sql`dual`);
    if (taken?.lock !== 1) return 0;
    try {
      return await recountAll(deps);
    } finally {
      await transaction.execute(sql`do release_lock(${LOCK})`);
    }
  });
}

async function recountAll(deps: TimelinesDeps): Promise<number> {
  const { database, runtime } = deps;
  let repaired = 0;
  let after = '0';
  while (!runtime.closing.aborted) {
    const counts = await recountPosts(database, after, RECOUNTED_TOGETHER);
    for (const drift of counts.filter(hasDrifted)) {
      runtime.log.warn(drift, 'the counts of a post had drifted');
      await inTransaction(database, (transaction) => repairCounts(transaction, drift.id));
      repaired++;
    }
    const last = counts.at(-1);
    if (last === undefined) break;
    after = last.id;
  }
  runtime.log.info({ repaired }, 'posts recounted');
  return repaired;
}

const hasDrifted = (post: Drift) => post.repliesCount !== post.replies || post.repostsCount !== post.reposts;
