import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/lists/pagination';
import { paged } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { MediaDeps } from '../deps';
import { File, FileParams } from '../files/model';
import { FileVersionPage, VersionParams } from './model';
import * as service from './service';

export const versionRoutes = (deps: MediaDeps) =>
  new Elysia({ name: 'versions' })
    .use(access(deps.tokens))
    .get(
      '/files/:id/versions',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await service.listVersions(deps, caller, params.id, query)),
      {
        user: true,
        scope: 'read:media',
        params: FileParams,
        query: PageQuery,
        response: FileVersionPage,
        ...describe('List the versions of a file, newest first', 'Files'),
      },
    )
    .post(
      '/files/:id/versions/:version/restore',
      ({ caller, params }) => service.restoreVersion(deps, caller, params),
      {
        user: true,
        scope: 'write:media',
        params: VersionParams,
        response: File,
        ...describe('Restore an earlier version of a file', 'Files'),
      },
    );
