import type { LikedPost } from '#contracts/gen/likes/v1/likes';

interface LikeOfPost {
  readonly post_id: string;
  readonly user_id: string;
}

/** More posts are not told of one by one. */
export const MOST_POSTS = 20;
/** So many are named where there are no more; else two, and the number of the others. */
const MOST_NAMED = 3;
/** Asked for a few more, because some may have left. */
const MOST_ASKED = 5;

/** Likes by post; the posts with most likes first, as many as are told of. */
export function mostLiked(likes: readonly LikeOfPost[]): Map<string, string[]> {
  const byPost = Map.groupBy(likes, ({ post_id }) => post_id);
  const ordered = [...byPost].sort(([, one], [, other]) => other.length - one.length);
  return new Map(
    ordered.slice(0, MOST_POSTS).map(([postId, some]) => [postId, some.map(({ user_id }) => user_id)]),
  );
}

/** People whose names the digest may need. */
export const namesNeeded = (likers: Map<string, string[]>): string[] => [
  ...new Set([...likers.values()].flatMap((ids) => ids.slice(0, MOST_ASKED))),
];

/** On one line, as it may come to stand in a mail's subject. */
export const shownName = (user: { display_name: string; username: string }): string =>
  (user.display_name || user.username)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, 200) || user.username;

/** Posts that are gone, and those liked only by people who have left, are not told of. */
export function digestOf(
  likers: Map<string, string[]>,
  posts: readonly { id: string; excerpt: string }[],
  names: ReadonlyMap<string, string>,
  linkOf: (postId: string) => string,
): LikedPost[] {
  const excerpts = new Map(posts.map(({ id, excerpt }) => [id, excerpt]));
  return [...likers].flatMap(([postId, ids]) => {
    const excerpt = excerpts.get(postId);
    const found = ids.slice(0, MOST_ASKED).flatMap((id) => names.get(id) ?? []);
    if (excerpt === undefined || found.length === 0) return [];
    const named = found.slice(0, ids.length > MOST_NAMED ? MOST_NAMED - 1 : MOST_NAMED);
    // Of those asked for, the ones without a name have left.
    const present = ids.length - (Math.min(ids.length, MOST_ASKED) - found.length);
    return [{ excerpt, link: linkOf(postId), likers: named, others_count: present - named.length }];
  });
}
