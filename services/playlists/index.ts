import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { validated } from '#kit/errors/validation';
import { access } from '#kit/http/access';
import { conditional, IfMatch, versioned } from '#kit/http/conditional';
import { requestKey, sendStored } from '#kit/http/idempotency';
import { platform } from '#kit/http/platform';
import { noContent, paged } from '#kit/http/responses';
import { describe, keyed } from '#kit/http/route-docs';
import type { PlaylistsDeps } from './deps';
import * as items from './items';
import * as model from './model';
import * as service from './service';

const PLAYLISTS = 'Playlists';
const VIDEOS = 'Playlist videos';
const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };

const targetOf = ({
  params,
  headers,
}: {
  params: { id: string };
  headers: { 'if-match'?: string | undefined };
}): service.Target => ({ id: params.id, ifMatch: headers['if-match'] });

export const playlists = (deps: PlaylistsDeps) =>
  // Elysia's default normalization (exact-mirror) turns a body of another type into an empty object.
  new Elysia({ name: 'playlists', normalize: 'typebox' })
    .use(
      platform(deps.runtime, {
        description: 'Ordered lists of videos: public, unlisted or private.',
        schemas: model,
        tags: {
          Playlists: 'Playlists and their visibility.',
          'Playlist videos': 'The videos of a playlist, in order.',
        },
      }),
    )
    .use(access(deps.tokens))
    .use(conditional)

    .post(
      '/playlists',
      ({ caller, body, request, set }) => {
        const key = requestKey(request, '/playlists');
        return sendStored(set, service.createPlaylist(deps, caller, key, body));
      },
      {
        user: true,
        scope: 'write:playlists',
        body: model.NewPlaylist,
        response: { 201: model.PlaylistWithVideos },
        ...keyed('Create a playlist', PLAYLISTS),
      },
    )
    .get(
      '/playlists',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listPlaylists(deps, caller, query)),
      {
        optionalUser: true,
        scope: 'read:playlists',
        query: model.PlaylistQuery,
        response: model.PlaylistPage,
        ...describe("List my playlists or another user's public ones, newest first", PLAYLISTS),
      },
    )
    .get(
      '/playlists/:id',
      async ({ caller, params, set }) => versioned(set, await service.readPlaylist(deps, caller, params.id)),
      {
        optionalUser: true,
        scope: 'read:playlists',
        etag: true,
        ...byId,
        response: model.PlaylistWithVideos,
        ...describe('Get a playlist and its videos', PLAYLISTS),
      },
    )
    .put(
      '/playlists/:id',
      async ({ caller, body, set, ...context }) =>
        versioned(set, await service.replacePlaylist(deps, caller, targetOf(context), body)),
      {
        user: true,
        scope: 'write:playlists',
        ...byId,
        headers: IfMatch,
        body: model.PlaylistProperties,
        response: model.PlaylistWithVideos,
        ...describe('Replace name, description and visibility of a playlist', PLAYLISTS),
      },
    )
    .patch(
      '/playlists/:id',
      async ({ caller, body, set, ...context }) =>
        versioned(set, await service.updatePlaylist(deps, caller, targetOf(context), body)),
      {
        user: true,
        scope: 'write:playlists',
        ...byId,
        headers: IfMatch,
        body: model.PlaylistUpdate,
        response: model.PlaylistWithVideos,
        ...describe('Update name, description or visibility of a playlist', PLAYLISTS),
      },
    )
    .delete(
      '/playlists/:id',
      ({ caller, set, ...context }) =>
        noContent(set, service.deletePlaylist(deps, caller, targetOf(context))),
      {
        user: true,
        scope: 'write:playlists',
        ...byId,
        headers: IfMatch,
        ...describe('Delete a playlist', PLAYLISTS),
      },
    )
    .post(
      '/playlists/:id/duplicate',
      ({ caller, params: { id }, body, request, set }) => {
        const key = requestKey(request, '/playlists/:id/duplicate');
        // Elysia validates an optional body only where it is an object with members.
        const input = validated(model.PlaylistCopy, body ?? {});
        return sendStored(set, service.duplicatePlaylist(deps, caller, { id, key }, input));
      },
      {
        user: true,
        scope: 'write:playlists',
        ...byId,
        body: Type.Optional(model.PlaylistCopy),
        response: { 201: model.PlaylistWithVideos },
        ...keyed('Duplicate a playlist into one of my own', PLAYLISTS),
      },
    )

    .post(
      '/playlists/:id/videos',
      ({ caller, body, request, set, ...context }) => {
        const key = requestKey(request, '/playlists/:id/videos');
        return sendStored(set, items.addVideos(deps, caller, { ...targetOf(context), key }, body));
      },
      {
        user: true,
        scope: 'write:playlists',
        ...byId,
        headers: IfMatch,
        body: model.NewVideos,
        response: { 201: model.PlaylistWithVideos },
        ...keyed('Add one or more videos to a playlist', VIDEOS),
      },
    )
    .delete(
      '/playlists/:id/videos/:video_id',
      async ({ caller, set, ...context }) => {
        const { video_id } = context.params;
        versioned(set, await items.removeVideo(deps, caller, targetOf(context), video_id));
        set.status = 204;
      },
      {
        user: true,
        scope: 'write:playlists',
        params: Type.Object({ id: Type.String({ maxLength: 36 }), video_id: Type.String({ maxLength: 64 }) }),
        headers: IfMatch,
        ...describe('Remove a video from a playlist', VIDEOS),
      },
    )
    .post(
      '/playlists/:id/reorder',
      async ({ caller, body, set, ...context }) =>
        versioned(set, await items.reorder(deps, caller, targetOf(context), body)),
      {
        user: true,
        scope: 'write:playlists',
        ...byId,
        headers: IfMatch,
        body: model.Reordering,
        response: model.PlaylistWithVideos,
        ...describe('Move one video, or reorder all videos of a playlist', VIDEOS),
      },
    );
