import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { describe } from '#kit/http/route-docs';
import type { MediaDeps } from '../deps';
import { FileParams } from '../files/model';
import { ContentQuery, SizeParams } from './model';
import { readContent } from './service';

export const contentRoutes = (deps: MediaDeps) =>
  new Elysia({ name: 'content' })
    .use(access(deps.tokens))
    .get(
      '/files/:id/content',
      ({ caller, params, query, request }) =>
        readContent(deps, caller, params, { query, headers: request.headers }),
      {
        optionalUser: true,
        params: FileParams,
        query: ContentQuery,
        ...describe('Download the content of a file', 'Files'),
      },
    )
    .get(
      '/files/:id/content/:size',
      ({ caller, params, query, request }) =>
        readContent(deps, caller, params, { query, headers: request.headers }),
      {
        optionalUser: true,
        params: SizeParams,
        query: ContentQuery,
        ...describe('Download a picture in one of its sizes; as WebP where `Accept` names it', 'Files'),
      },
    );
