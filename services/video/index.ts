import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import * as model from './model';
import * as service from './service';

const describe = (summary: string, tag = 'Videos') => ({ detail: { summary, tags: [tag] } });

export const video = (deps: service.VideoDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'video' })
    .use(
      platform(deps.runtime, {
        description:
          'A stand-in for a video platform: the same few hundred made-up titles everywhere. Outside of production it can be told to be slow and to fail, to try what depends on it.',
      }),
    )
    .use(access(deps.tokens))

    .get(
      '/videos',
      async ({ query, request, set }) => paged(set, request, await service.listVideos(deps, query)),
      {
        public: true,
        query: model.VideoQuery,
        response: model.VideoPage,
        ...describe('Videos, newest first, all or those with certain words'),
      },
    )
    .get('/videos/:id', ({ params }) => service.readVideo(deps, params.id), {
      public: true,
      params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
      response: model.Video,
      ...describe('A video'),
    })
    .post('/videos/lookup', ({ body }) => service.lookupVideos(deps, body), {
      public: true,
      body: model.Lookup,
      response: model.Found,
      ...describe('Which of these videos there are'),
    })

    .use(deps.runtime.production ? new Elysia() : failureRoutes(deps));

const failureRoutes = (deps: service.VideoDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'failures' })
    .use(access(deps.tokens))
    .get('/videos/failures', () => deps.failures, {
      permission: 'videos:disturb',
      response: model.Failures,
      ...describe('How slow and unreliable answers are made', 'Failures'),
    })
    .put('/videos/failures', ({ body }) => service.setFailures(deps, body), {
      permission: 'videos:disturb',
      body: model.Failures,
      response: model.Failures,
      ...describe('Make answers slow and unreliable', 'Failures'),
    });
