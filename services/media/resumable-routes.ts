import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { type AnswerResumable, CHUNK_BYTES, RESUMABLE_PATH } from './resumable';

const UPLOAD_MS = 600_000;
const FRAMING_BYTES = 64 * 1024;
/** The body is read as it comes: this ends the framework's search for a parser. */
const leaveUnread = () => null;
const byId = { params: Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{32}$' }) }) };
const describe = (summary: string) => ({
  detail: {
    summary,
    tags: ['Resumable uploads'],
    'x-body-bytes': CHUNK_BYTES + FRAMING_BYTES,
    'x-timeout-ms': UPLOAD_MS,
  },
});

/** Uploads by tus 1.0, for what is large or comes over lines that break. */
export const resumableRoutes = (deps: { resumable: AnswerResumable; tokens: TokenVerifier }) =>
  new Elysia({ name: 'resumable' })
    .use(access(deps.tokens))
    .options(RESUMABLE_PATH, ({ request }) => deps.resumable(request, null), {
      public: true,
      ...describe('What of tus 1.0 is spoken here'),
    })
    .post(RESUMABLE_PATH, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      parse: leaveUnread,
      ...describe('Begin an upload; Upload-Metadata may hold filename, filetype and the fields of the form'),
    })
    .head(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      ...byId,
      ...describe('How far an upload has come'),
    })
    .patch(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      parse: leaveUnread,
      ...byId,
      ...describe('Go on with an upload; after the last piece Content-Location names the file'),
    })
    .delete(`${RESUMABLE_PATH}/:id`, ({ request, caller }) => deps.resumable(request, caller), {
      user: true,
      parse: leaveUnread,
      ...byId,
      ...describe('Give an upload up'),
    });
