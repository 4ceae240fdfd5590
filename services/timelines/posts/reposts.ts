/** What decides whether a post has content of its own. */
interface Content {
  readonly text: string;
  readonly repostOf: string | null;
  readonly pollId: string | null;
  readonly mediaIds: readonly string[];
}

/**
 * A post that refers to another and has no content of its own stands for it: it is visible only with it, an author has one
 * of each, and replies and likes belong to the original. The column `plain_repost_of` states the same rule.
 */
export const isPlainRepost = (post: Content): boolean =>
  post.repostOf !== null && post.text === '' && post.pollId === null && post.mediaIds.length === 0;

/** A post with content of its own about another: visible whatever becomes of that one. */
export const isQuote = (post: Content): boolean => post.repostOf !== null && !isPlainRepost(post);

/** The post to which replies and likes of a post belong: the original of a plain repost, otherwise itself. */
export const originalIdOf = (post: Content & { readonly id: string }): string =>
  (isPlainRepost(post) ? post.repostOf : null) ?? post.id;
