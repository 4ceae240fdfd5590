import {
  type File as FileMessage,
  MediaServiceDefinition,
  type UploadAvatarRequest,
} from '#contracts/gen/media/v1/media';
import type { TokenVerifier } from '#kit/auth/tokens';
import { MalformedBody } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { callerOf } from '#kit/grpc/access';
import { USER_AUTHORIZATION } from '#kit/grpc/metadata';
import { grpcService } from '#kit/grpc/server';
import { AVATAR_BYTES, type File, Processed, Rejected } from './model';
import { completeProcessing, rejectPicture } from './processing';
import { deleteFile, type MediaDeps, readFileUrl } from './service';
import { createFile, DEFAULT_FIELDS } from './upload';

/** What the gateway answers over gRPC, and what the worker tells. */
export const mediaGrpc = (deps: MediaDeps & { tokens: TokenVerifier }) =>
  grpcService(MediaServiceDefinition, {
    async uploadAvatar(requests, call) {
      const caller = await callerOf(call, deps.tokens);
      const messages = requests[Symbol.asyncIterator]();
      const first = (await messages.next()).value?.content;
      if (first?.$case !== 'start') throw new MalformedBody();
      const file = await deps.storage.receive(bytesOf(messages), { maximumBytes: AVATAR_BYTES });
      const { file_name: fileName, content_type: contentType } = first.value;
      const upload = { file, fileName, contentType };
      const route = '/files/upload/avatar';
      const avatar = await createFile(
        deps,
        { upload, fields: DEFAULT_FIELDS, avatar: true, idempotencyKey: null, route },
        caller,
      );
      call.setHttpResponse({ status: 201, headers: { location: `/files/${avatar.id}` } });
      return { file: messageOf(avatar) };
    },
    async getFileUrl({ id }, call) {
      const isSignedIn = call.metadata(USER_AUTHORIZATION) !== undefined;
      const caller = isSignedIn ? await callerOf(call, deps.tokens) : null;
      const { url, expires_at } = await readFileUrl(deps, id, caller);
      return { url, expires_at: expires_at ?? undefined };
    },
    async deleteFile({ id }, call) {
      await deleteFile(deps, id, await callerOf(call, deps.tokens));
      return {};
    },
    completeProcessing: async (request) => ({
      recorded: await completeProcessing(deps, validated(Processed, request)),
    }),
    rejectPicture: async (request) => ({
      recorded: await rejectPicture(deps, validated(Rejected, request)),
    }),
  });

async function* bytesOf(messages: AsyncIterator<UploadAvatarRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await messages.next(); !next.done; next = await messages.next()) {
    const { content } = next.value;
    if (content?.$case !== 'data') throw new MalformedBody();
    yield content.value;
  }
}

const messageOf = (file: File): FileMessage => ({
  id: file.id,
  owner_id: file.owner_id,
  file_name: file.file_name,
  type: file.type,
  size: file.size,
  url: file.url,
  created_at: file.created_at,
  checksum: file.checksum,
  status: file.status,
});
