import { PictureUploaded } from '#contracts/events/media';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { idempotent } from '#kit/http/idempotency';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';
import type { ReceivedFile } from '#kit/storage/file-storage';
import { setAvatar } from './avatars';
import { addReferences } from './blobs';
import { mustExist } from './categories-store';
import { isPicture, typeOfFile } from './file-types';
import {
  type File,
  FileEmpty,
  FileTypeNotAllowed,
  QuotaExceeded,
  TooManyVersions,
  type UploadFields,
} from './model';
import { safeFileName } from './rules';
import { type MediaDeps, mustManage, readFile } from './service';
import * as store from './store';
import { replaceTags } from './tags-store';

/** Bytes that have arrived, with what their sender says about them. */
export interface Upload {
  readonly file: ReceivedFile;
  readonly fileName: string | undefined;
  readonly contentType: string | undefined;
}

export const DEFAULT_FIELDS: UploadFields = {
  file_tags: [],
  bucket_name: 'chat-bucket',
  category_id: null,
  visibility: 'private',
};

export interface NewFile {
  readonly upload: Upload;
  readonly fields: UploadFields;
  /** It becomes the caller's avatar: public, and shown everywhere once it is ready. */
  readonly avatar?: boolean;
  /** Under the same key it is stored once, however often it is sent. */
  readonly idempotencyKey: string | null;
  readonly route: string;
}

/** Stores what was uploaded as a new file. Discards the upload in every case. */
export async function createFile(deps: MediaDeps, input: NewFile, caller: Caller): Promise<File> {
  const { upload, fields, avatar = false } = input;
  try {
    if (fields.category_id !== null) await mustExist(deps.database, fields.category_id);
    const content = await lookAt(deps, upload, caller);
    if (avatar && !isPicture(content.type))
      throw new FileTypeNotAllowed({ detail: 'An avatar is a JPEG, PNG, WebP, GIF or AVIF picture.' });
    const request = {
      key: input.idempotencyKey,
      caller: caller.id,
      method: 'POST',
      route: input.route,
      body: { ...fields, ...content },
    };
    const { body } = await idempotent(deps.database, request, async () => {
      const id = uuidv7();
      return async (transaction) => {
        await store.insertMedia(transaction, {
          id,
          ownerId: caller.id,
          bucketName: fields.bucket_name,
          categoryId: fields.category_id,
          visibility: avatar ? 'public' : fields.visibility,
        });
        if (avatar) await setAvatar(transaction, caller.id, id);
        await replaceTags(transaction, id, fields.file_tags);
        await storeVersion(deps, transaction, { mediaId: id, version: 1, content, upload, caller });
        return { status: 201, headers: {}, body: { id } };
      };
    });
    deps.outbox.wake();
    return await readFile(deps, body.id, caller);
  } finally {
    await upload.file.discard();
  }
}

/** A file is a history, not a backup. */
const MOST_VERSIONS = 100;

/** Stores what was uploaded as the newest version of a file, which is shown from now on. */
export async function createVersion(
  deps: MediaDeps,
  id: string,
  input: { upload: Upload; idempotencyKey: string | null },
  caller: Caller,
): Promise<File> {
  const { upload } = input;
  try {
    mustManage((await store.findFile(deps.database, id))?.media, caller);
    const content = await lookAt(deps, upload, caller);
    const request = {
      key: input.idempotencyKey,
      caller: caller.id,
      method: 'POST',
      route: `/files/${id}/versions`,
      body: content,
    };
    await idempotent(deps.database, request, async () => async (transaction) => {
      const media = mustManage(await store.lockMedia(transaction, id), caller);
      const version = media.latestVersion + 1;
      if (version > MOST_VERSIONS) throw new TooManyVersions();
      await storeVersion(deps, transaction, { mediaId: id, version, content, upload, caller });
      await store.updateMedia(transaction, id, { currentVersion: version, latestVersion: version });
      return { status: 201, headers: {}, body: { version } };
    });
    deps.outbox.wake();
    return await readFile(deps, id, caller);
  } finally {
    await upload.file.discard();
  }
}

interface Content {
  readonly fileName: string;
  readonly type: string;
  readonly sha256: string;
  readonly size: number;
}

/** Says what the bytes are, and stores them: they are found by the sweeper when nothing comes to refer to them. */
async function lookAt(deps: MediaDeps, upload: Upload, caller: Caller): Promise<Content> {
  const { file, contentType } = upload;
  if (file.size === 0) throw new FileEmpty();
  const fileName = safeFileName(upload.fileName);
  const type = await typeOfFile(file.path, { fileName, contentType });
  if ((await store.readUsage(deps.database, caller.id)) + file.size > deps.quotaBytes)
    throw new QuotaExceeded();
  await file.keep();
  return { fileName, type, sha256: file.sha256, size: file.size };
}

interface NewVersion {
  readonly mediaId: string;
  readonly version: number;
  readonly content: Content;
  readonly upload: Upload;
  readonly caller: Caller;
}

async function storeVersion(deps: MediaDeps, transaction: Transaction, input: NewVersion): Promise<void> {
  const { mediaId, version, content, upload, caller } = input;
  const picture = isPicture(content.type);
  await store.insertVersion(transaction, {
    mediaId,
    version,
    ...content,
    status: picture ? 'processing' : 'ready',
  });
  if ((await store.addUsage(transaction, caller.id, content.size)) > deps.quotaBytes)
    throw new QuotaExceeded();
  await addReferences(transaction, deps.storage, [{ ...content, keep: upload.file.keep }]);
  if (!picture) return;
  const uploaded = { media_id: mediaId, version, sha256: content.sha256, type: content.type };
  await writeOutbox(transaction, [
    outboxEntry(PictureUploaded, uploaded, {
      aggregate: { type: 'media', id: mediaId, version },
      actor: caller.id,
    }),
  ]);
}
