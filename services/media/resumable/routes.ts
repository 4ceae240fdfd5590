import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { gatewayOptions } from '#kit/http/gateway-options';
import { describe } from '#kit/http/route-docs';
import type { MediaDeps } from '../deps';
import { UPLOAD_TIMEOUT_MS } from '../uploads/model';
import { ResumableParams } from './model';
import { RESUMABLE_BYTES, RESUMABLE_PATH, type ResumableHandler } from './service';

/** What is announced as Tus-Max-Size is accepted in one request; it is streamed. */
const gateway = { bodyBytes: RESUMABLE_BYTES, timeoutMs: UPLOAD_TIMEOUT_MS };
/** The handler streams the body. This stops the framework from looking for a parser, which would buffer it. */
const leaveUnread = () => null;
const byId = { params: ResumableParams };

/** Uploads by tus 1.0, for large files and unreliable connections. */
export const resumableRoutes = (deps: Pick<MediaDeps, 'tokens'> & { resumable: ResumableHandler }) =>
  new Elysia({ name: 'resumable' })
    .use(access(deps.tokens))
    .use(gatewayOptions)
    .options(RESUMABLE_PATH, ({ request }) => deps.resumable(request, null), {
      public: true,
      gateway,
      ...describe('List the supported tus versions and extensions', 'Resumable uploads'),
    })
    .post(RESUMABLE_PATH, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      gateway,
      parse: leaveUnread,
      ...describe(
        'Create an upload; Upload-Metadata may hold filename, filetype and the fields of the form',
        'Resumable uploads',
      ),
    })
    .head(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      gateway,
      ...byId,
      ...describe(
        'Get the offset of an upload; of a finished one, for a day, Content-Location names the file',
        'Resumable uploads',
      ),
    })
    .patch(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      gateway,
      parse: leaveUnread,
      ...byId,
      ...describe(
        'Continue an upload; after the last chunk Content-Location names the file',
        'Resumable uploads',
      ),
    })
    .delete(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      gateway,
      parse: leaveUnread,
      ...byId,
      ...describe('Terminate an upload', 'Resumable uploads'),
    });
