import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { created, noContent, paged } from '#kit/http/responses';
import * as model from './model';
import * as service from './service';

const byPost = { params: Type.Object({ post_id: model.PostId }) };
const describe = (summary: string) => ({ detail: { summary, tags: ['Likes'] } });

export const likes = (deps: service.LikesDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'likes' })
    .use(
      platform(deps.runtime, {
        description: 'Who likes which post, counted once a person, and which posts are liked most.',
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/likes/counts',
      async ({ body, caller }) => ({ items: await service.readCounts(deps, body.post_ids, caller) }),
      {
        optionalUser: true,
        body: model.PostIds,
        response: model.PostLikesList,
        ...describe('Likes of many posts, in the order asked for'),
      },
    )
    .get('/likes/popular', async ({ query }) => ({ items: await service.readPopular(deps, query) }), {
      public: true,
      query: model.PopularQuery,
      response: model.PostLikesList,
      ...describe('The posts liked most'),
    })
    .post(
      '/likes/:post_id',
      async ({ caller, params, set }) => {
        const { first, likes } = await service.like(deps, caller, params.post_id);
        return first ? created(set, `/likes/${likes.post_id}/count`, likes) : likes;
      },
      {
        user: true,
        ...byPost,
        response: { 200: model.PostLikes, 201: model.PostLikes },
        ...describe('Like a post; again changes nothing'),
      },
    )
    .delete(
      '/likes/:post_id',
      ({ caller, params, set }) => noContent(set, service.unlike(deps, caller, params.post_id)),
      { user: true, ...byPost, ...describe('Take a like back') },
    )
    .get('/likes/:post_id/count', ({ params, caller }) => service.readCount(deps, params.post_id, caller), {
      optionalUser: true,
      ...byPost,
      response: model.PostLikes,
      ...describe('Likes of a post'),
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
        ...describe('What somebody likes, newest first'),
      },
    );
