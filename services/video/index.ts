import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { VideoDeps } from './deps';
import * as model from './model';
import * as service from './service';

export const video = (deps: VideoDeps) =>
  new Elysia({ name: 'video' })
    .use(
      platform(deps.runtime, {
        description:
          'A mock video platform with a fixed, generated catalogue. Outside production it can simulate latency and errors, to test the services that depend on it.',
        schemas: model,
        tags: {
          Videos: 'The catalogue.',
          'Failure simulation': 'Errors and delays on demand, for tests of clients.',
        },
      }),
    )
    .use(access(deps.tokens))

    .get(
      '/videos',
      async ({ query, request, set }) => paged(set, request, await service.listVideos(deps, query)),
      {
        public: true,
        share: 'searches',
        query: model.VideoQuery,
        response: model.VideoPage,
        ...describe('List or search videos, newest first', 'Videos'),
      },
    )
    .get('/videos/:id', ({ params }) => service.readVideo(deps, params.id), {
      public: true,
      params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
      response: model.Video,
      ...describe('Get a video', 'Videos'),
    })
    .post('/videos/lookup', ({ body }) => service.lookupVideos(deps, body), {
      public: true,
      share: 'searches',
      body: model.Lookup,
      response: model.LookupResult,
      ...describe('Look up videos by id', 'Videos'),
    })

    .use(deps.runtime.production ? new Elysia() : failureRoutes(deps));

const failureRoutes = (deps: VideoDeps) =>
  new Elysia({ name: 'failures' })
    .use(access(deps.tokens))
    .get('/videos/failures', () => deps.failures, {
      permission: 'videos:disturb',
      response: model.Failures,
      ...describe('Get the failure simulation', 'Failure simulation'),
    })
    .put('/videos/failures', ({ body }) => service.setFailures(deps, body), {
      permission: 'videos:disturb',
      body: model.Failures,
      response: model.Failures,
      ...describe('Set the failure simulation', 'Failure simulation'),
    });
