import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { leaveUnread } from '#kit/http/body/leave-unread';
import { gatewayOptions } from '#kit/http/gateway-options';
import { created } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import { routeShares } from '#kit/http/shares/route-shares';
import type { MediaDeps } from '../deps';
import { File, FileParams } from '../files/model';
import { AVATAR_BODY_BYTES, FILE_FORM, UPLOAD_BODY_BYTES, UPLOAD_FORM, UPLOAD_TIMEOUT_MS } from './model';
import { receiveAvatar, receiveFile, receiveVersion } from './receive';

const upload = (
  summary: string,
  form: typeof UPLOAD_FORM | typeof FILE_FORM,
  bodyBytes = UPLOAD_BODY_BYTES,
) => {
  const requestBody = { content: { 'multipart/form-data': { schema: form } }, required: true };
  return {
    user: true as const,
    scope: 'write:media' as const,
    gateway: { bodyBytes, timeoutMs: UPLOAD_TIMEOUT_MS },
    parse: leaveUnread,
    share: 'uploads' as const,
    response: { 201: File },
    ...describe(summary, 'Files', { requestBody }),
  };
};

export const uploadRoutes = (deps: MediaDeps) =>
  new Elysia({ name: 'uploads' })
    .use(access(deps.tokens))
    .use(gatewayOptions)
    .use(routeShares(deps.runtime))
    .post(
      '/files/upload',
      async ({ caller, request, set }) => {
        const file = await receiveFile(deps, caller, request);
        return created(set, `/files/${file.id}`, file);
      },
      upload('Upload a file of up to 100 MiB', UPLOAD_FORM),
    )
    .post(
      '/files/upload/avatar',
      async ({ caller, request, set }) => {
        const file = await receiveAvatar(deps, caller, request);
        return created(set, `/files/${file.id}`, file);
      },
      upload('Upload a picture of up to 5 MiB as my avatar', FILE_FORM, AVATAR_BODY_BYTES),
    )
    .post(
      '/files/:id/versions',
      async ({ caller, params, request, set }) => {
        const file = await receiveVersion(deps, caller, params.id, request);
        return created(set, `/files/${file.id}`, file);
      },
      { ...upload('Upload a new version of a file', FILE_FORM), params: FileParams },
    );
