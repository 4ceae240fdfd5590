import type { FileSummary } from '#contracts/gen/media/v1/media';
import { timeOfId } from '#kit/core/ids';
import { shownWebUrl } from '#kit/text/web-url';
import type { Post } from '../model';
import type { PostRow } from './read-store';
import { isQuote } from './reposts';

export interface Likes {
  readonly count: number;
  readonly liked_by_viewer: boolean;
}

interface Context {
  readonly mentions: Post['mentions'];
  readonly likes: Likes | null;
  /** The post that a quote is about, if the viewer may see it. */
  readonly quoted: QuotedPost | undefined;
  /** Where its counts are kept: the original of a plain repost. */
  readonly counts: Pick<PostRow, 'repliesCount' | 'repostsCount' | 'quotesCount'>;
  /** Files of this and other posts; undefined while the media service is unavailable. */
  readonly files: readonly FileSummary[] | undefined;
  readonly viewerId: string | null;
}

type QuotedPost = Pick<PostRow, 'id' | 'text' | 'authorId' | 'username' | 'displayName' | 'avatarUrl'>;

/** The representation of a post in responses. */
export const viewOf = (
  post: Omit<PostRow, 'followed' | 'muted' | 'blocked' | 'repliesCount' | 'repostsCount' | 'quotesCount'>,
  { mentions, likes, quoted, counts, files, viewerId }: Context,
): Post => ({
  id: post.id,
  author: authorOf(post),
  text: post.text,
  created_at: timeOfId(post.id).toISOString(),
  ...(post.replyTo !== null && { reply_to: post.replyTo }),
  ...(post.rootId !== null && { root_id: post.rootId }),
  ...(post.repostOf !== null && { repost_of: post.repostOf }),
  quote: post.repostOf !== null && isQuote(post) ? quoteOf(post.repostOf, quoted) : null,
  mentions,
  hashtags: post.hashtags,
  media: mediaOf(post, files),
  ...(post.pollId !== null && { poll_id: post.pollId }),
  likes_count: likes?.count ?? null,
  replies_count: counts.repliesCount,
  reposts_count: counts.repostsCount,
  quotes_count: counts.quotesCount,
  ...(viewerId !== null && likes !== null && { liked_by_me: likes.liked_by_viewer }),
  visibility: post.visibility,
});

/** A deleted or rejected file is omitted. A file that its owner has made private is shown in a public post without a URL. */
function mediaOf(
  { mediaIds, visibility }: Pick<PostRow, 'mediaIds' | 'visibility'>,
  files: Context['files'],
): Post['media'] {
  if (files === undefined) return mediaIds.map((id) => ({ id }));
  return mediaIds.flatMap((id) => {
    const file = files.find((each) => each.id === id);
    if (file === undefined || file.status === 'rejected') return [];
    const isShown = visibility === 'followers' || file.visibility === 'public';
    return { id, type: file.type, ...(isShown && { url: file.url }) };
  });
}

const quoteOf = (id: string, quoted: QuotedPost | undefined): NonNullable<Post['quote']> =>
  quoted === undefined
    ? { id, state: 'unavailable' }
    : {
        id,
        state: 'available',
        author: authorOf(quoted),
        text: quoted.text,
        created_at: timeOfId(id).toISOString(),
      };

const authorOf = (post: Omit<QuotedPost, 'id' | 'text'>): Post['author'] => ({
  id: post.authorId,
  username: post.username,
  display_name: post.displayName,
  avatar_url: shownWebUrl(post.avatarUrl),
});
