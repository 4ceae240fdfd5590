import { LRUCache } from 'lru-cache';
import type { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import type { Runtime } from '#kit/core/runtime';
import type { GrpcClient } from '#kit/grpc/client';

/**
 * A page waits no longer for what it may show. Whoever is signed in gets 503 then, so it is longer than an instance of timelines
 * takes that has just been started.
 */
const DEADLINE_MS = 1_000;
const MAX_ENTRIES = 50_000;
/** Who may see a post and what it stands for never change; only its deletion makes an entry obsolete. */
const TTL_MS = 5 * 60_000;
/** As many as timelines takes at once. */
const BATCH_IDS = 100;

/**
 * Those of these posts that the viewer may see, with the post that each stands for: the original of a plain repost, itself
 * otherwise. The viewer of an anonymous request is null. Undefined while timelines is unavailable.
 */
export type FindVisiblePosts = (
  postIds: readonly string[],
  viewerId: string | null,
) => Promise<ReadonlyMap<string, string> | undefined>;

/** Posts that everybody may see are cached, and stay known while timelines is unavailable. */
export function createVisiblePostLookup(
  runtime: Runtime,
  timelines: Pick<GrpcClient<TimelinesServiceDefinition>, 'getPosts'>,
): FindVisiblePosts {
  const everybodys = new LRUCache<string, string>({ max: MAX_ENTRIES, ttl: TTL_MS });

  function cached(ids: readonly string[]): Map<string, string> {
    return new Map(
      ids.flatMap((id) => {
        const original = everybodys.get(id);
        return original === undefined ? [] : [[id, original] as const];
      }),
    );
  }

  async function ask(ids: readonly string[], viewerId: string | null): Promise<Map<string, string>> {
    const visible = new Map<string, string>();
    for (let start = 0; start < ids.length; start += BATCH_IDS) {
      const request = { ids: ids.slice(start, start + BATCH_IDS), viewer_id: viewerId ?? undefined };
      const { posts } = await timelines.getPosts(request, { deadlineMs: DEADLINE_MS });
      for (const { id, original_id: original = id } of posts) {
        visible.set(id, original);
        if (viewerId === null) everybodys.set(id, original);
      }
    }
    return visible;
  }

  return async (postIds, viewerId) => {
    const ids = [...new Set(postIds)];
    const known = cached(ids);
    const unknown = ids.filter((id) => !known.has(id));
    try {
      // A signed-in viewer may see more, or less where there is a block.
      return viewerId === null
        ? new Map([...known, ...(await ask(unknown, null))])
        : await ask(ids, viewerId);
    } catch (failure) {
      runtime.log.debug({ err: failure }, 'timelines is unavailable');
      return unknown.length === 0 ? known : undefined;
    }
  };
}
