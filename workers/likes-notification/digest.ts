import type { LikedPost } from '#contracts/gen/likes/v1/likes';

interface LikeOfPost {
  readonly post_id: string;
  readonly user_id: string;
}

/** Maximum number of posts in a digest. */
export const MAX_POSTS = 20;
/** Up to this many likers are all named; of more, one name less and the number of the others. */
const MAX_NAMED = 3;
/** Profiles fetched per post: a few more than named, because some accounts may be deleted. */
const MAX_FETCHED = 5;

/** The likers of the most liked posts, by post id. */
export function likersByPost(likes: readonly LikeOfPost[]): Map<string, string[]> {
  const byPost = Map.groupBy(likes, ({ post_id }) => post_id);
  const ordered = [...byPost].sort(([, one], [, other]) => other.length - one.length);
  return new Map(
    ordered.slice(0, MAX_POSTS).map(([postId, group]) => [postId, group.map(({ user_id }) => user_id)]),
  );
}

/** Ids of the likers whose profiles the digest may need. */
export const likersToFetch = (likers: Map<string, string[]>): string[] => [
  ...new Set([...likers.values()].flatMap((ids) => ids.slice(0, MAX_FETCHED))),
];

/** Omits deleted posts, and those liked only by deleted accounts. */
export function digestOf(
  likers: Map<string, string[]>,
  posts: readonly { id: string; excerpt: string }[],
  names: ReadonlyMap<string, string>,
  linkOf: (postId: string) => string,
): LikedPost[] {
  const excerpts = new Map(posts.map(({ id, excerpt }) => [id, excerpt]));
  return [...likers].flatMap(([postId, ids]) => {
    const excerpt = excerpts.get(postId);
    const found = ids.slice(0, MAX_FETCHED).flatMap((id) => names.get(id) ?? []);
    if (excerpt === undefined || found.length === 0) return [];
    const named = found.slice(0, ids.length > MAX_NAMED ? MAX_NAMED - 1 : MAX_NAMED);
    // Fetched likers without a profile have deleted their accounts.
    const present = ids.length - (Math.min(ids.length, MAX_FETCHED) - found.length);
    return [{ excerpt, link: linkOf(postId), likers: named, others_count: present - named.length }];
  });
}
