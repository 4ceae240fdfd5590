import type { Database } from '#kit/mysql/database';
import type { MergedAuthors } from '../deps';
import { listMergedAtRead } from './followers-store';

/** Posts of an author who has just crossed the limit may be missing for this long, no longer than a delivery may take. */
const MAX_AGE_MS = 2_000;

export function createMergedAuthors(database: Database): MergedAuthors {
  let cached: { ids: Promise<string[]>; expiresAtMs: number } | undefined;
  return {
    list() {
      if (cached !== undefined && performance.now() < cached.expiresAtMs) return cached.ids;
      const ids = listMergedAtRead(database);
      cached = { ids, expiresAtMs: performance.now() + MAX_AGE_MS };
      // A failure reaches the callers waiting for it and is not cached.
      ids.catch(() => {
        cached = undefined;
      });
      return ids;
    },
    invalidate() {
      cached = undefined;
    },
  };
}
