import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { bytes, describe, header } from '#kit/http/route-docs';
import type { MediaDeps } from '../deps';
import { FileParams } from '../files/model';
import { ContentQuery, SizeParams, SizeQuery } from './model';
import { readContent } from './service';

const download = (...mediaTypes: readonly string[]) => ({
  parameters: [
    header('Range', 'One range of bytes: 206 with this part (RFC 9110, section 14)', {
      type: 'string',
      example: 'bytes=0-1023',
    }),
  ],
  responses: {
    200: bytes('The content', ...mediaTypes),
    206: bytes('The requested range', ...mediaTypes),
    304: { description: 'The client has the current content' },
  },
});

export const contentRoutes = (deps: MediaDeps) =>
  new Elysia({ name: 'content' })
    .use(access(deps.tokens))
    .get(
      '/files/:id/content',
      ({ caller, params, query, request }) =>
        readContent(deps, caller, params, { query, headers: request.headers }),
      {
        optionalUser: true,
        scope: 'read:media',
        params: FileParams,
        query: ContentQuery,
        ...describe(
          'Download the content of a file without its metadata; `original` is what its owner uploaded',
          'Files',
          download('*/*'),
        ),
      },
    )
    .get(
      '/files/:id/content/:size',
      ({ caller, params, query, request }) =>
        readContent(deps, caller, params, { query, headers: request.headers }),
      {
        optionalUser: true,
        scope: 'read:media',
        params: SizeParams,
        query: SizeQuery,
        ...describe(
          'Download a picture in one of its sizes; as WebP where `Accept` names it',
          'Files',
          download('image/webp', 'image/jpeg', 'image/png', 'image/gif'),
        ),
      },
    );
