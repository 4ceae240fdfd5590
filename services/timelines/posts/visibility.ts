/** What decides whether a viewer may see a post. */
export interface PostAccess {
  readonly authorId: string;
  readonly visibility: 'public' | 'followers';
  readonly followed: boolean;
  /** In either direction. */
  readonly blocked: boolean;
  readonly muted: boolean;
}

/** `isVisible`, unless a list is stricter. */
export type PostFilter = (post: PostAccess) => boolean;

export const isVisible = (post: PostAccess, viewerId: string | null): boolean =>
  post.authorId === viewerId || (!post.blocked && (post.visibility === 'public' || post.followed));

/** A home timeline has the viewer's own posts and the visible posts of people they follow and have not muted. */
export const isInHomeTimeline = (post: PostAccess, viewerId: string): boolean =>
  post.authorId === viewerId || (isVisible(post, viewerId) && post.followed && !post.muted);
