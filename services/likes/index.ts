import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { created, noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { LikesDeps } from './deps';
import * as model from './model';
import * as service from './service';

const byPost = { params: Type.Object({ post_id: model.PostId }) };

export const likes = (deps: LikesDeps) =>
  new Elysia({ name: 'likes' })
    .use(
      platform(deps.runtime, {
        description: 'Likes of posts, like counts and popular posts.',
        schemas: model,
        tags: { Likes: 'Likes of posts and their counts.' },
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/likes/counts',
      async ({ caller, body }) => ({ items: await service.readCounts(deps, caller, body.post_ids) }),
      {
        optionalUser: true,
        scope: 'read:favourites',
        body: model.PostIds,
        response: model.PostLikesList,
        ...describe(
          'Get the like counts of posts, in the order of the request; a repost has those of its original',
          'Likes',
        ),
      },
    )
    .get('/likes/popular', async ({ query }) => ({ items: await service.readPopular(deps, query) }), {
      public: true,
      share: 'searches',
      query: model.PopularQuery,
      response: model.PostLikesList,
      ...describe('List the most liked posts that everybody may see', 'Likes'),
    })
    .post(
      '/likes/:post_id',
      async ({ caller, params, set }) => {
        const { isNew, likes } = await service.like(deps, caller, params.post_id);
        return isNew ? created(set, `/likes/${likes.post_id}/count`, likes) : likes;
      },
      {
        user: true,
        scope: 'write:favourites',
        ...byPost,
        response: { 200: model.PostLikes, 201: model.PostLikes },
        ...describe('Like a post (idempotent)', 'Likes'),
      },
    )
    .delete(
      '/likes/:post_id',
      ({ caller, params, set }) => noContent(set, service.unlike(deps, caller, params.post_id)),
      { user: true, scope: 'write:favourites', ...byPost, ...describe('Remove a like', 'Likes') },
    )
    .get('/likes/:post_id/count', ({ caller, params }) => service.readCount(deps, caller, params.post_id), {
      optionalUser: true,
      scope: 'read:favourites',
      ...byPost,
      response: model.PostLikes,
      ...describe('Get the like count of a post, or of the original of a repost', 'Likes'),
    })
    .get(
      '/users/:username/likes',
      async ({ params, query, request, set }) =>
        paged(set, request, await service.listLikes(deps, params.username, query)),
      {
        public: true,
        params: Type.Object({ username: Type.String({ maxLength: 30 }) }),
        query: PageQuery,
        response: model.LikePage,
        ...describe('List the posts a user likes and everybody may see, newest like first', 'Likes'),
      },
    );
