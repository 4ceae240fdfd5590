import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { Caller } from '#kit/auth/caller';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { conditional, IfMatch, versioned } from '#kit/http/conditional';
import { readIdempotencyKey, sendStored } from '#kit/http/idempotency';
import { platform } from '#kit/http/platform';
import { noContent, paged } from '#kit/http/responses';
import * as items from './items';
import * as model from './model';
import * as service from './service';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };
const describe = (summary: string, tag = 'Playlists') => ({ detail: { summary, tags: [tag] } });
const keyed = (summary: string) => ({
  detail: {
    summary,
    tags: ['Playlists'],
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header' as const,
        description: 'Sent again with the same body within 24 hours, it gets the first answer again',
        schema: { type: 'string' as const, maxLength: 255, example: '5f2b8a3e-playlist' },
      },
    ],
  },
});

const requestKey = (request: Request, route: string): service.RequestKey => ({
  key: readIdempotencyKey(request.headers),
  method: 'POST',
  route,
});

const targetOf = (context: {
  params: { id: string };
  caller: Caller;
  headers: { 'if-match'?: string | undefined };
}): service.Target => ({
  id: context.params.id,
  caller: context.caller,
  ifMatch: context.headers['if-match'],
});

export const playlists = (deps: service.PlaylistsDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'playlists' })
    .use(
      platform(deps.runtime, {
        description: 'Playlists: videos in an order, shown to all, to some, or to nobody.',
      }),
    )
    .use(access(deps.tokens))
    .use(conditional)

    .post(
      '/playlists',
      ({ caller, body, request, set }) =>
        sendStored(set, service.createPlaylist(deps, caller, body, requestKey(request, '/playlists'))),
      {
        user: true,
        body: model.NewPlaylist,
        response: { 201: model.PlaylistWithVideos },
        ...keyed('Make a playlist'),
      },
    )
    .get(
      '/playlists',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listPlaylists(deps, caller, query)),
      {
        optionalUser: true,
        query: model.PlaylistQuery,
        response: model.PlaylistPage,
        ...describe("My playlists, or somebody's public ones, newest first"),
      },
    )
    .get(
      '/playlists/:id',
      async ({ caller, params, set }) => versioned(set, await service.readPlaylist(deps, caller, params.id)),
      {
        optionalUser: true,
        etag: true,
        ...byId,
        response: model.PlaylistWithVideos,
        ...describe('A playlist and its videos'),
      },
    )
    .put(
      '/playlists/:id',
      async ({ body, set, ...context }) =>
        versioned(set, await service.replacePlaylist(deps, targetOf(context), body)),
      {
        user: true,
        ...byId,
        headers: IfMatch,
        body: model.WholePlaylist,
        response: model.PlaylistWithVideos,
        ...describe('Replace name, description and visibility'),
      },
    )
    .patch(
      '/playlists/:id',
      async ({ body, set, ...context }) =>
        versioned(set, await service.updatePlaylist(deps, targetOf(context), body)),
      {
        user: true,
        ...byId,
        headers: IfMatch,
        body: model.PlaylistChange,
        response: model.PlaylistWithVideos,
        ...describe('Change name, description or visibility; what is left out stays'),
      },
    )
    .delete(
      '/playlists/:id',
      ({ set, ...context }) => noContent(set, service.deletePlaylist(deps, targetOf(context))),
      { user: true, ...byId, headers: IfMatch, ...describe('Delete a playlist') },
    )
    .post(
      '/playlists/:id/duplicate',
      ({ caller, params, body, request, set }) =>
        sendStored(
          set,
          service.duplicatePlaylist(
            deps,
            caller,
            params.id,
            body ?? {},
            requestKey(request, '/playlists/:id/duplicate'),
          ),
        ),
      {
        user: true,
        ...byId,
        body: Type.Optional(model.Copy),
        response: { 201: model.PlaylistWithVideos },
        ...keyed('Make a playlist of my own with the same videos'),
      },
    )

    .post(
      '/playlists/:id/videos',
      async ({ body, set, ...context }) => {
        const playlist = versioned(set, await items.addVideos(deps, targetOf(context), body));
        set.status = 201;
        return playlist;
      },
      {
        user: true,
        ...byId,
        headers: IfMatch,
        body: model.NewVideos,
        response: { 201: model.PlaylistWithVideos },
        ...describe('Add one video or several', 'Videos of a playlist'),
      },
    )
    .delete(
      '/playlists/:id/videos/:video_id',
      async ({ set, ...context }) => {
        versioned(set, await items.removeVideo(deps, targetOf(context), context.params.video_id));
        set.status = 204;
      },
      {
        user: true,
        params: Type.Object({ id: Type.String({ maxLength: 36 }), video_id: Type.String({ maxLength: 64 }) }),
        headers: IfMatch,
        ...describe('Remove a video', 'Videos of a playlist'),
      },
    )
    .post(
      '/playlists/:id/reorder',
      async ({ body, set, ...context }) => versioned(set, await items.reorder(deps, targetOf(context), body)),
      {
        user: true,
        ...byId,
        headers: IfMatch,
        body: model.Reordering,
        response: model.PlaylistWithVideos,
        ...describe('Move one video, or bring all into a new order', 'Videos of a playlist'),
      },
    );
