import { LRUCache } from 'lru-cache';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';

/** A count is a detail of a page, which waits no longer for it. */
const DEADLINE_MS = 300;
const MAX_ENTRIES = 50_000;
/** What a post stands for never changes; only its deletion makes an entry obsolete. */
const TTL_MS = 5 * 60_000;

/**
 * The originals of those of these posts that are plain reposts and visible to the viewer; null for an anonymous one.
 * Undefined while timelines is unavailable.
 */
export type FindOriginals = (
  postIds: readonly string[],
  viewerId: string | null,
) => Promise<ReadonlyMap<string, string> | undefined>;

export function createOriginalsLookup(
  runtime: Runtime,
  timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>,
): FindOriginals {
  const known = new LRUCache<string, string>({ max: MAX_ENTRIES, ttl: TTL_MS });
  return async (postIds, viewerId) => {
    const originals = new Map<string, string>();
    const unknown: string[] = [];
    for (const id of new Set(postIds)) {
      const original = known.get(id);
      if (original === undefined) unknown.push(id);
      else if (original !== id) originals.set(id, original);
    }
    if (unknown.length === 0) return originals;
    try {
      const request = { ids: unknown, viewer_id: viewerId ?? undefined };
      const { posts } = await timelines.getPosts(request, { deadlineMs: DEADLINE_MS });
      for (const { id, original_id: original = id } of posts) {
        known.set(id, original);
        if (original !== id) originals.set(id, original);
      }
      return originals;
    } catch (failure) {
      runtime.log.debug({ err: failure }, 'timelines is unavailable; reposts are not resolved');
      return undefined;
    }
  };
}
