import {
  type File as FileMessage,
  MediaServiceDefinition,
  type UploadAvatarRequest,
} from '#contracts/gen/media/v1/media';
import { MalformedBody } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { callerOf, optionalCallerOf } from '#kit/grpc/access';
import { grpcService } from '#kit/grpc/server';
import { sharesOf } from '#kit/http/shares/route-shares';
import { findAttachments, publishAttachments, publishForGood } from './attachments/service';
import { RecordedCopy } from './copies/model';
import { recordCopy } from './copies/service';
import type { MediaDeps } from './deps';
import type { File } from './files/model';
import { deleteFile, readFileUrl } from './files/service';
import { Processed, Rejected } from './processing/model';
import { completeProcessing, rejectPicture } from './processing/service';
import { AVATAR_BYTES } from './uploads/model';
import { createFile, DEFAULT_FIELDS } from './uploads/service';

/** The methods that the gateway transcodes to, and those that the worker reports results with. */
export const mediaGrpc = (deps: MediaDeps) =>
  grpcService(MediaServiceDefinition, {
    async uploadAvatar(requests, call) {
      const caller = await callerOf(call, deps.tokens);
      const messages = requests[Symbol.asyncIterator]();
      const first = (await messages.next()).value?.content;
      if (first?.$case !== 'start') throw new MalformedBody();
      const owner = { personId: caller.id, address: call.origin?.address ?? '' };
      const file = await sharesOf(deps.runtime, 'uploads').run(owner, () =>
        deps.storage.receive(bytesOf(messages), { maximumBytes: AVATAR_BYTES }),
      );
      const { file_name: fileName, content_type: contentType } = first.value;
      const avatar = await createFile(deps, caller, {
        upload: { file, fileName, contentType },
        fields: DEFAULT_FIELDS,
        isAvatar: true,
        idempotencyKey: null,
        route: '/files/upload/avatar',
      });
      call.setHttpResponse({ status: 201, headers: { location: `/files/${avatar.id}` } });
      return { file: messageOf(avatar) };
    },
    async getFileUrl({ id }, call) {
      const { url, expires_at } = await readFileUrl(deps, await optionalCallerOf(call, deps.tokens), id);
      return { url, expires_at: expires_at ?? undefined };
    },
    async deleteFile({ id }, call) {
      await deleteFile(deps, await callerOf(call, deps.tokens), id);
      return {};
    },
    completeProcessing: async (request) => ({
      recorded: await completeProcessing(deps, validated(Processed, request)),
    }),
    recordCopy: async (request) => ({
      recorded: await recordCopy(deps, validated(RecordedCopy, request)),
    }),
    rejectPicture: async (request) => ({
      recorded: await rejectPicture(deps, validated(Rejected, request)),
    }),
    getFiles: async ({ ids }) => ({ files: await findAttachments(deps, ids) }),
    async publishFiles({ owner_id: ownerId, ids, post_id }) {
      if (post_id === undefined) await publishForGood(deps, ownerId, ids);
      else await publishAttachments(deps, { id: post_id, ownerId, mediaIds: ids });
      const files = await findAttachments(deps, ids);
      return { files: files.filter((file) => file.owner_id === ownerId) };
    },
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
