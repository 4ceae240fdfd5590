import { Counter } from 'prom-client';
import { sleep } from '#kit/core/back-off';
import { repeatEvery } from '#kit/core/repeat';
import { inTransaction } from '#kit/mysql/database';
import { withLease } from '#kit/mysql/leases/with-lease';
import { searchTokens } from '#kit/text/search-tokens';
import type { TimelinesDeps } from '../../deps';
import { namesIn } from '../names';
import { listOutdatedTexts, updateTextIndex } from './text-index-store';

/** Raise it when the rules for hashtags or search tokens change: all posts are indexed again in the background. */
export const TEXT_VERSION = 2;

const BATCH_POSTS = 200;
const PAUSE_MS = 50;
const EVERY_MS = 60_000;
const LEASE = 'text-index';

type IndexDeps = Pick<TimelinesDeps, 'runtime' | 'database'>;

/**
 * Derives hashtags and search tokens again for posts that were written by an earlier version of the rules, in one of the
 * instances. Repeated, because an instance of the version before may write such posts while it is being replaced.
 */
export function indexTextsInBackground(deps: IndexDeps): void {
  const indexed = new Counter({
    name: 'post_texts_indexed_total',
    help: 'Posts whose hashtags and search tokens were derived again in the background',
    registers: [deps.runtime.metrics],
  });
  repeatEvery(deps.runtime, 'indexing the texts of posts', { everyMs: EVERY_MS }, async () => {
    indexed.inc((await withLease(deps.database, { name: LEASE }, (lost) => indexTexts(deps, lost))) ?? 0);
  });
}

/**
 * Resumable: a post is done with its transaction, and the next run continues with those that are left.
 *
 * @returns the number of posts that were indexed
 */
export async function indexTexts({ runtime, database }: IndexDeps, lost?: AbortSignal): Promise<number> {
  let indexed = 0;
  while (!runtime.closing.aborted && lost?.aborted !== true) {
    const batch = await listOutdatedTexts(database, TEXT_VERSION, BATCH_POSTS);
    if (batch.length === 0) break;
    await inTransaction(database, async (transaction) => {
      for (const { id, text, hashtags: previous } of batch) {
        const { hashtags } = namesIn(text);
        const tokens = searchTokens(text, 'index').join(' ');
        const isSame = hashtags.join(' ') === previous.join(' ');
        await updateTextIndex(transaction, id, {
          tokens,
          hashtags: isSame ? null : hashtags,
          version: TEXT_VERSION,
        });
      }
    });
    indexed += batch.length;
    await sleep(PAUSE_MS, runtime.closing);
  }
  if (indexed > 0) runtime.log.info({ indexed }, 'texts of posts indexed');
  return indexed;
}
