import { randomUUID } from 'node:crypto';
import type { TimelinesDeps } from '../deps';
import { listHome } from './home-store';
import { beginFeed, finishFeed } from './store';

/** Feeds one process builds concurrently; other readers are served from the database and trigger a build later. */
const MAX_BUILDS = 4;

export function buildInBackground(deps: TimelinesDeps, readerId: string): void {
  const { feedBuilds: builds } = deps;
  if (builds.size >= MAX_BUILDS || builds.has(readerId)) return;
  builds.add(readerId);
  buildFeed(deps, readerId)
    .catch((failure: unknown) => deps.runtime.log.warn({ err: failure }, 'building a feed failed'))
    .finally(() => builds.delete(readerId));
}

/**
 * Builds a reader's feed. No concurrent post is lost: deliveries after `beginFeed` go into the feed being built, and
 * posts delivered before were committed before, so the query that follows finds them.
 */
export async function buildFeed(deps: TimelinesDeps, readerId: string): Promise<void> {
  const token = randomUUID();
  const { homeSize } = deps;
  if (!(await beginFeed(deps.redis, readerId, token))) return;
  const ids = await listHome(deps.database, readerId, { after: null, limit: homeSize });
  const floor = ids.length < homeSize ? null : (ids.at(-1) ?? null);
  await finishFeed(deps.redis, readerId, { token, ids, floor, homeSize });
}
