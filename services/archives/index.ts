import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { leaveUnread } from '#kit/http/body/leave-unread';
import { gatewayOptions } from '#kit/http/gateway-options';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { accepted, noContent, paged } from '#kit/http/responses';
import { bytes, bytesBody, describe } from '#kit/http/route-docs';
import type { ArchivesDeps } from './deps';
import * as model from './model';
import * as service from './service';

/** The longest that the gateway allows. */
const TRANSFER_TIMEOUT_MS = 10 * 60_000;
const byId = { params: model.ExportParams };

export const archives = (deps: ArchivesDeps) =>
  new Elysia({ name: 'archives' })
    .use(
      platform(deps.runtime, {
        description: 'Everything that the services store about a person, as a ZIP file, and its import.',
        schemas: model,
        tags: {
          Exports: 'Archives of all data of a user, and their files.',
          Imports: 'Restoring the data of an archive.',
        },
        bodyBytes: deps.maxBytes,
      }),
    )
    .use(access(deps.tokens))
    .use(gatewayOptions)

    .post(
      '/archives/exports',
      async ({ caller, set }) => {
        const started = await service.startExport(deps, caller);
        return accepted(set, `/archives/exports/${started.id}`, started);
      },
      {
        user: true,
        response: { 202: model.Export },
        ...describe('Export all my data as a ZIP file', 'Exports'),
      },
    )
    .get(
      '/archives/exports',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listExports(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.ExportPage,
        ...describe('List my exports, newest first', 'Exports'),
      },
    )
    .get('/archives/exports/:id', ({ caller, params }) => service.readExport(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Export,
      ...describe('Get an export of mine', 'Exports'),
    })
    .get(
      '/archives/exports/:id/file',
      ({ caller, params }) => service.downloadExport(deps, caller, params.id),
      {
        user: true,
        gateway: { timeoutMs: TRANSFER_TIMEOUT_MS },
        ...byId,
        ...describe('Download the file of an export', 'Exports', {
          responses: { 200: bytes('The file of the export', model.ARCHIVE_TYPE) },
        }),
      },
    )
    .delete(
      '/archives/exports/:id',
      ({ caller, params, set }) => noContent(set, service.deleteExport(deps, caller, params.id)),
      { user: true, ...byId, ...describe('Delete an export of mine and its file', 'Exports') },
    )

    .post(
      '/archives/imports',
      async ({ caller, request, set }) => {
        const started = await service.startImport(deps, caller, request);
        return accepted(set, `/archives/imports/${started.id}`, started);
      },
      {
        user: true,
        gateway: { bodyBytes: deps.maxBytes, timeoutMs: TRANSFER_TIMEOUT_MS },
        parse: leaveUnread,
        share: 'uploads',
        response: { 202: model.Import },
        ...describe('Import an archive: the body is the ZIP file of an export', 'Imports', {
          requestBody: bytesBody(model.ARCHIVE_TYPE),
        }),
      },
    )
    .get(
      '/archives/imports',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listImports(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.ImportPage,
        ...describe('List my imports, newest first', 'Imports'),
      },
    )
    .get('/archives/imports/:id', ({ caller, params }) => service.readImport(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Import,
      ...describe('Get an import of mine, with what became of its records', 'Imports'),
    });
