import { timeOfId } from '#kit/core/ids';
import type { Post } from '../model';
import type { PostRow } from './read-store';

export interface Likes {
  readonly count: number;
  readonly liked_by_viewer: boolean;
}

/** The representation of a post in responses. */
export const viewOf = (
  post: Omit<PostRow, 'followed' | 'muted' | 'blocked'>,
  { mentions, likes, viewerId }: { mentions: Post['mentions']; likes: Likes | null; viewerId: string | null },
): Post => ({
  id: post.id,
  author: {
    id: post.authorId,
    username: post.username,
    display_name: post.displayName,
    avatar_url: post.avatarUrl,
  },
  text: post.text,
  created_at: timeOfId(post.id).toISOString(),
  ...(post.replyTo !== null && { reply_to: post.replyTo }),
  ...(post.rootId !== null && { root_id: post.rootId }),
  ...(post.repostOf !== null && { repost_of: post.repostOf }),
  mentions,
  hashtags: post.hashtags,
  media: post.mediaIds.map((id) => ({ id })),
  ...(post.pollId !== null && { poll_id: post.pollId }),
  likes_count: likes?.count ?? null,
  replies_count: post.repliesCount,
  reposts_count: post.repostsCount,
  ...(viewerId !== null && likes !== null && { liked_by_me: likes.liked_by_viewer }),
  visibility: post.visibility,
});
