import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { created, noContent, paged } from '#kit/http/responses';
import { categoryRoutes } from './categories-routes';
import { readContent } from './content';
import * as model from './model';
import { receiveAvatar, receiveFile, receiveVersion } from './receive';
import type { AnswerResumable } from './resumable';
import { resumableRoutes } from './resumable-routes';
import * as service from './service';
import { listVersions, restoreVersion } from './versions';

const byId = { params: model.FileParams };
const describe = (summary: string, settings: object = {}) => ({
  detail: { summary, tags: ['Files'], ...settings },
});
/** A client's line may be slow; a client that sends nothing is cut off before. */
const UPLOAD_MS = 600_000;
/** The body is read as it comes, and not by the framework, which would take it into memory: this ends its search for a parser. */
const leaveUnread = () => null;
const upload = (summary: string, bodyBytes = model.UPLOAD_BODY_BYTES) => ({
  user: true as const,
  parse: leaveUnread,
  response: { 201: model.File },
  ...describe(summary, {
    'x-body-bytes': bodyBytes,
    'x-timeout-ms': UPLOAD_MS,
    requestBody: { content: { 'multipart/form-data': { schema: FORM } }, required: true },
  }),
});
const FORM = {
  type: 'object',
  required: ['file'],
  properties: {
    file: { type: 'string', format: 'binary' },
    file_tags: { type: 'string', description: 'Several, separated by commas or as several fields' },
    bucket_name: { type: 'string', default: 'chat-bucket' },
    category_id: { type: 'string', format: 'uuid' },
    visibility: { type: 'string', enum: ['private', 'public'], default: 'private' },
  },
};

export const media = (deps: service.MediaDeps & { tokens: TokenVerifier; resumable: AnswerResumable }) =>
  new Elysia({ name: 'media' })
    .use(
      platform(deps.runtime, {
        description: 'Files and pictures: kept by their content, looked at before they are shown.',
        mediaTypes: ['application/json', 'multipart/form-data', 'application/offset+octet-stream'],
        bodyBytes: model.UPLOAD_BODY_BYTES,
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/files/upload',
      async ({ request, caller, set }) => {
        const file = await receiveFile(deps, request, caller);
        return created(set, `/files/${file.id}`, file);
      },
      upload('Upload a file of up to 100 MiB'),
    )
    .post(
      '/files/upload/avatar',
      async ({ request, caller, set }) => {
        const file = await receiveAvatar(deps, request, caller);
        return created(set, `/files/${file.id}`, file);
      },
      upload('Upload a picture of up to 5 MiB as your avatar', model.AVATAR_BODY_BYTES),
    )
    .get(
      '/files',
      async ({ query, caller, request, set }) =>
        paged(set, request, await service.listFiles(deps, query, caller)),
      {
        optionalUser: true,
        query: model.FileQuery,
        response: model.FilePage,
        ...describe('Files you may see, newest first'),
      },
    )
    .get('/files/:id', ({ params, caller }) => service.readFile(deps, params.id, caller), {
      optionalUser: true,
      ...byId,
      response: model.File,
      ...describe('A file'),
    })
    .patch('/files/:id', ({ params, body, caller }) => service.changeFile(deps, params.id, body, caller), {
      user: true,
      ...byId,
      body: model.FileChange,
      response: model.File,
      ...describe('Change who may see a file, or its category'),
    })
    .delete(
      '/files/:id',
      ({ params, caller, set }) => noContent(set, service.deleteFile(deps, params.id, caller)),
      { user: true, ...byId, ...describe('Delete a file with all its versions') },
    )
    .get('/files/:id/url', ({ params, caller }) => service.readFileUrl(deps, params.id, caller), {
      optionalUser: true,
      ...byId,
      response: model.FileUrl,
      ...describe('Where to fetch a file; for a private one an address that opens it for 15 minutes'),
    })
    .put(
      '/files/:id/tags',
      ({ params, body, caller }) => service.replaceTags(deps, params.id, body.tags, caller),
      {
        user: true,
        ...byId,
        body: model.Tags,
        response: model.File,
        ...describe('Replace the tags of a file'),
      },
    )

    .get(
      '/files/:id/content',
      ({ params, query, caller, request }) =>
        readContent(deps, { id: params.id, query, caller, headers: request.headers }),
      { optionalUser: true, ...byId, query: model.ContentQuery, ...describe('The bytes of a file') },
    )
    .get(
      '/files/:id/content/:size',
      ({ params, query, caller, request }) =>
        readContent(deps, { ...params, query, caller, headers: request.headers }),
      {
        optionalUser: true,
        params: model.SizeParams,
        query: model.ContentQuery,
        ...describe('A picture in one of its sizes, in WebP where `Accept` names that'),
      },
    )

    .post(
      '/files/:id/versions',
      async ({ params, request, caller, set }) => {
        const file = await receiveVersion(deps, params.id, request, caller);
        return created(set, `/files/${file.id}`, file);
      },
      { ...upload('Upload a new version of a file'), ...byId },
    )
    .get(
      '/files/:id/versions',
      async ({ params, query, caller, request, set }) =>
        paged(set, request, await listVersions(deps, params.id, query, caller)),
      {
        user: true,
        ...byId,
        query: PageQuery,
        response: model.FileVersionPage,
        ...describe('All versions of a file, newest first'),
      },
    )
    .post(
      '/files/:id/versions/:version/restore',
      ({ params, caller }) => restoreVersion(deps, params.id, params.version, caller),
      {
        user: true,
        params: model.VersionParams,
        response: model.File,
        ...describe('Show an earlier version again'),
      },
    )

    .use(resumableRoutes(deps))
    .use(categoryRoutes(deps));
