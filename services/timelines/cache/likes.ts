import { type Cache, createCache } from '#kit/core/cache';
import { firstIdAt } from '#kit/core/ids';
import type { CacheDeps } from './deps';

/** While the notifications of likes do not arrive: it may run on another Redis, or not at all. */
const MAX_AGE_UNHEARD_MS = 1_000;
/** While they do, a second line. */
const MAX_AGE_HEARD_MS = 30_000;
/** Of the likes service; a page waits no longer for them. */
export const LIKES_DEADLINE_MS = 250;
const MAX_COUNTS = 50_000;
/** Likes of all remembered viewers together, each about 50 bytes. */
const MAX_LIKED_POSTS = 200_000;
/** The largest requests that likes accepts. */
const BATCH_COUNTS = 500;
const BATCH_VIEWERS = 100;

/** What a viewer likes. */
export interface LikedPosts {
  readonly ids: ReadonlySet<string>;
  /** Those of `ids` whose likes are not validated yet: nobody else sees them counted. */
  readonly pending: ReadonlySet<string>;
  /** A post with this id or a higher one that is not among `ids` is not liked; a lower one may be. */
  readonly completeFrom: number;
}

export interface LikeCaches {
  /** Number of likes by post id, plain reposts excepted. */
  readonly likeCounts: Cache<number>;
  /** By the id of the viewer. */
  readonly likedPosts: Cache<LikedPosts>;
}

/** What a process remembers of likes. */
export function createLikeCaches({ runtime, likes, mayRemember, hearsLikes }: CacheDeps): LikeCaches {
  const deadline = { deadlineMs: LIKES_DEADLINE_MS };
  const maxAgeMs = () => (hearsLikes() ? MAX_AGE_HEARD_MS : MAX_AGE_UNHEARD_MS);
  return {
    likeCounts: createCache<number>(runtime, {
      name: 'like-counts',
      maxWeight: MAX_COUNTS,
      maxAgeMs,
      mayRemember,
      batchKeys: BATCH_COUNTS,
      async load(ids) {
        const { counts } = await likes.getCounts({ post_ids: [...ids], originals_only: true }, deadline);
        return new Map(counts.map(({ post_id, count }) => [post_id, count]));
      },
    }),
    likedPosts: createCache<LikedPosts>(runtime, {
      name: 'liked-posts',
      maxWeight: MAX_LIKED_POSTS,
      weightOf: ({ ids, pending }) => 1 + ids.size + pending.size,
      maxAgeMs,
      mayRemember,
      batchKeys: BATCH_VIEWERS,
      async load(ids) {
        const { people } = await likes.listLikedPosts({ user_ids: [...ids] }, deadline);
        return new Map(
          people.map((liked) => [
            liked.user_id,
            {
              ids: new Set([...liked.post_ids, ...liked.pending_post_ids]),
              pending: new Set(liked.pending_post_ids),
              completeFrom: firstIdFrom(Number(liked.complete_since_ms)),
            },
          ]),
        );
      },
    }),
  };
}

const firstIdFrom = (ms: number): number => (ms === 0 ? 0 : Number(firstIdAt(new Date(ms))));
