import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';

/** Of an archive: a like of a new post is accepted, and withdrawn later. */
export const LikedPostNotFound = defineProblem('post.not-found', 404, 'Post not found');

export const PostId = Type.String({
  pattern: '^[1-9][0-9]{0,15}$',
  error: 'Expected the id of a post',
  examples: ['1511768342528256'],
});

export const PostIds = Type.Object({
  post_ids: Type.Array(PostId, { maxItems: 100, error: 'Expected at most 100 post ids' }),
});

export const PostLikes = Type.Object({
  post_id: PostId,
  count: Type.Integer(),
  liked_by_me: Type.Optional(Type.Boolean({ description: 'Present for authenticated callers' })),
});
export type PostLikes = Static<typeof PostLikes>;

export const PostLikesList = Type.Object({ items: Type.Array(PostLikes) });

export const Like = Type.Object({ post_id: PostId, liked_at: Type.String({ format: 'date-time' }) });
export type Like = Static<typeof Like>;

export const LikePage = PageOf(Like);

export const PopularQuery = Type.Object({
  window: Type.Optional(
    Type.Union([Type.Literal('all'), Type.Literal('day'), Type.Literal('week')], {
      default: 'all',
      error: 'Expected all, day or week',
      description: 'With `day` and `week` recent likes have more weight',
    }),
  ),
  limit: Type.Optional(
    // Elysia's integer: query parameters arrive as text.
    t.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Maximum number of posts' }),
  ),
});
export type PopularQuery = Static<typeof PopularQuery>;
