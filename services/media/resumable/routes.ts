import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { leaveUnread } from '#kit/http/body/leave-unread';
import { gatewayOptions } from '#kit/http/gateway-options';
import { bytesBody, describe, header } from '#kit/http/route-docs';
import { routeShares } from '#kit/http/shares/route-shares';
import type { MediaDeps } from '../deps';
import { UPLOAD_TIMEOUT_MS } from '../uploads/model';
import { ResumableParams } from './model';
import { RESUMABLE_BYTES, RESUMABLE_PATH, type ResumableHandler } from './service';

/** What is announced as Tus-Max-Size is accepted in one request; it is streamed. */
const gateway = { bodyBytes: RESUMABLE_BYTES, timeoutMs: UPLOAD_TIMEOUT_MS };
const TUS = header(
  'Tus-Resumable',
  'The version of the protocol',
  { type: 'string', example: '1.0.0' },
  true,
);
const UPLOAD_OFFSET = header('Upload-Offset', 'Where this part begins, in bytes', { type: 'integer' }, true);
const UPLOAD_LENGTH = header('Upload-Length', 'The size of the file in bytes', { type: 'integer' }, true);
const UPLOAD_METADATA = header('Upload-Metadata', 'Names, each with a value in Base64, separated by commas');

const byId = { params: ResumableParams };

/** Uploads by tus 1.0, for large files and unreliable connections. */
export const resumableRoutes = (
  deps: Pick<MediaDeps, 'runtime' | 'tokens'> & { resumable: ResumableHandler },
) =>
  new Elysia({ name: 'resumable' })
    .use(access(deps.tokens))
    .use(gatewayOptions)
    .use(routeShares(deps.runtime))
    .options(RESUMABLE_PATH, ({ request }) => deps.resumable(request, null), {
      public: true,
      gateway,
      ...describe('List the supported tus versions and extensions', 'Resumable uploads'),
    })
    .post(RESUMABLE_PATH, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      scope: 'write:media',
      gateway,
      parse: leaveUnread,
      share: 'uploads',
      ...describe(
        'Create an upload; Upload-Metadata may hold filename, filetype and the fields of the form',
        'Resumable uploads',
        {
          parameters: [TUS, UPLOAD_LENGTH, UPLOAD_METADATA],
          responses: { 201: { description: 'Created: `Location` is the upload' } },
        },
      ),
    })
    .head(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      scope: 'write:media',
      gateway,
      ...byId,
      ...describe(
        'Get the offset of an upload; of a finished one, for a day, Content-Location names the file',
        'Resumable uploads',
        { parameters: [TUS], responses: { 200: { description: '`Upload-Offset` is what was received' } } },
      ),
    })
    .patch(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      scope: 'write:media',
      gateway,
      parse: leaveUnread,
      share: 'uploads',
      ...byId,
      ...describe(
        'Continue an upload; after the last chunk Content-Location names the file',
        'Resumable uploads',
        { parameters: [TUS, UPLOAD_OFFSET], requestBody: bytesBody('application/offset+octet-stream') },
      ),
    })
    .delete(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      scope: 'write:media',
      gateway,
      parse: leaveUnread,
      share: 'uploads',
      ...byId,
      ...describe('Terminate an upload', 'Resumable uploads', { parameters: [TUS] }),
    });
