import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { noContent, paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { MediaDeps } from '../deps';
import * as model from './model';
import * as service from './service';

const byId = { params: model.FileParams };

export const fileRoutes = (deps: MediaDeps) =>
  new Elysia({ name: 'files' })
    .use(access(deps.tokens))
    .get(
      '/files',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listFiles(deps, caller, query)),
      {
        optionalUser: true,
        scope: 'read:media',
        query: model.FileQuery,
        response: model.FilePage,
        ...describe('List the files I may read, newest first', 'Files'),
      },
    )
    .get('/files/:id', ({ caller, params }) => service.readFile(deps, caller, params.id), {
      optionalUser: true,
      scope: 'read:media',
      ...byId,
      response: model.File,
      ...describe('Get a file', 'Files'),
    })
    .patch('/files/:id', ({ caller, params, body }) => service.changeFile(deps, caller, params.id, body), {
      user: true,
      scope: 'write:media',
      ...byId,
      body: model.FileChange,
      response: model.File,
      ...describe('Update the visibility or category of a file', 'Files'),
    })
    .delete(
      '/files/:id',
      ({ caller, params, set }) => noContent(set, service.deleteFile(deps, caller, params.id)),
      {
        user: true,
        scope: 'write:media',
        ...byId,
        ...describe('Delete a file with all its versions', 'Files'),
      },
    )
    .get('/files/:id/url', ({ caller, params }) => service.readFileUrl(deps, caller, params.id), {
      optionalUser: true,
      scope: 'read:media',
      ...byId,
      response: model.FileUrl,
      ...describe(
        'Get the URL of a file’s content; of a private file a signed one, valid for 15 minutes',
        'Files',
      ),
    })
    .put(
      '/files/:id/tags',
      ({ caller, params, body }) => service.replaceTags(deps, caller, params.id, body.tags),
      {
        user: true,
        scope: 'write:media',
        ...byId,
        body: model.TagReplacement,
        response: model.File,
        ...describe('Replace the tags of a file', 'Files'),
      },
    );
