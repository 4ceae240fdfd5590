import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { PageOf } from '#kit/http/pagination';

export const PostId = Type.String({
  pattern: '^[1-9][0-9]{0,15}$',
  error: 'The id of a post',
  examples: ['1511768342528256'],
});

export const PostIds = Type.Object({
  post_ids: Type.Array(PostId, { maxItems: 100, error: 'At most 100 ids of posts' }),
});

export const PostLikes = Type.Object({
  post_id: PostId,
  count: Type.Integer(),
  liked_by_me: Type.Optional(Type.Boolean({ description: 'Only for who is signed in' })),
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
      error: 'One of all, day, week',
      description: 'Within a day or a week newer likes weigh more',
    }),
  ),
  limit: Type.Optional(
    // Elysia's own integer: in a query it arrives as text.
    t.Integer({ minimum: 1, maximum: 100, default: 20, description: 'Posts in the list' }),
  ),
});
export type PopularQuery = Static<typeof PopularQuery>;
