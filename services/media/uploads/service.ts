import { FileStored, PictureUploaded } from '#contracts/events/media';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { idempotent } from '#kit/http/idempotency';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';
import type { ReceivedFile } from '#kit/storage/file-storage';
import { upsertAvatar } from '../avatars/store';
import { addReferences } from '../blobs/store';
import { requireCategory } from '../categories/store';
import type { MediaDeps } from '../deps';
import { assertManageable } from '../files/access';
import type { File } from '../files/model';
import { readFile } from '../files/service';
import { findFile, insertMedia, lockMedia, updateMedia } from '../files/store';
import { replaceTags } from '../files/tags-store';
import { addUsage, readUsage } from '../files/usage-store';
import { readStaged } from '../resumable/store';
import { insertVersion } from '../versions/store';
import { detectFileType, isPicture, isStrippable } from './file-types';
import { FileEmpty, FileTypeNotAllowed, QuotaExceeded, TooManyVersions, type UploadFields } from './model';
import { safeFileName } from './rules';

/** Whose file it becomes. */
type Owner = Pick<Caller, 'id'>;

/** A received file, with what the client declares about it. */
export interface Upload {
  readonly file: ReceivedFile;
  readonly fileName: string | undefined;
  readonly contentType: string | undefined;
  /** Of a resumable upload, whose bytes count towards the quota already. */
  readonly isStaged?: boolean;
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
  /** It becomes the caller's avatar: public, and published once it is ready. */
  readonly isAvatar?: boolean;
  /** Repeats with the same key store one file. */
  readonly idempotencyKey: string | null;
  readonly route: string;
}

/** Stores an upload as a new file. Discards the upload in every case. */
export async function createFile(deps: MediaDeps, caller: Caller, input: NewFile): Promise<File> {
  const { upload, fields, isAvatar = false } = input;
  try {
    if (fields.category_id !== null) await requireCategory(deps.database, fields.category_id);
    const content = await storeContent(deps, caller, upload);
    if (isAvatar && !isPicture(content.type))
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
        await insertMedia(transaction, {
          id,
          ownerId: caller.id,
          bucketName: fields.bucket_name,
          categoryId: fields.category_id,
          visibility: isAvatar ? 'public' : fields.visibility,
        });
        if (isAvatar) await upsertAvatar(transaction, caller.id, id);
        await replaceTags(transaction, id, fields.file_tags);
        await addVersion(deps, transaction, caller, { mediaId: id, version: 1, content, upload });
        return { status: 201, headers: {}, body: { id } };
      };
    });
    deps.outbox.wake();
    return await readFile(deps, caller, body.id);
  } finally {
    await upload.file.discard();
  }
}

/** Versions are a history, not a backup. */
const MAX_VERSIONS = 100;

/** Stores an upload as the newest and current version of a file. Discards the upload in every case. */
export async function createVersion(
  deps: MediaDeps,
  caller: Caller,
  id: string,
  input: { upload: Upload; idempotencyKey: string | null },
): Promise<File> {
  const { upload } = input;
  try {
    assertManageable(caller, (await findFile(deps.database, id))?.media);
    const content = await storeContent(deps, caller, upload);
    const request = {
      key: input.idempotencyKey,
      caller: caller.id,
      method: 'POST',
      route: `/files/${id}/versions`,
      body: content,
    };
    await idempotent(deps.database, request, async () => async (transaction) => {
      const media = assertManageable(caller, await lockMedia(transaction, id));
      const version = media.latestVersion + 1;
      if (version > MAX_VERSIONS)
        throw new TooManyVersions({ detail: `A file has at most ${MAX_VERSIONS} versions.` });
      await addVersion(deps, transaction, caller, { mediaId: id, version, content, upload });
      await updateMedia(transaction, id, { currentVersion: version, latestVersion: version });
      return { status: 201, headers: {}, body: { version } };
    });
    deps.outbox.wake();
    return await readFile(deps, caller, id);
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

/** Detects the type of the bytes and stores them. The periodic clean-up deletes them if nothing comes to reference them. */
export async function storeContent(deps: MediaDeps, caller: Owner, upload: Upload): Promise<Content> {
  const { file, contentType } = upload;
  if (file.size === 0) throw new FileEmpty();
  const fileName = safeFileName(upload.fileName);
  const type = await detectFileType(file.path, { fileName, contentType });
  const [used, staged] = await Promise.all([
    readUsage(deps.database, caller.id),
    readStaged(deps.database, caller.id),
  ]);
  if (used + staged.bytes + (upload.isStaged === true ? 0 : file.size) > deps.quotaBytes)
    throw new QuotaExceeded({ detail: 'Delete files to free storage.' });
  await file.keep();
  return { fileName, type, sha256: file.sha256, size: file.size };
}

interface NewVersion {
  readonly mediaId: string;
  readonly version: number;
  readonly content: Content;
  readonly upload: Upload;
}

export async function addVersion(
  deps: MediaDeps,
  transaction: Transaction,
  caller: Owner,
  input: NewVersion,
): Promise<void> {
  const { mediaId, version, content, upload } = input;
  const needsProcessing = isStrippable(content.type);
  await insertVersion(transaction, {
    mediaId,
    version,
    ...content,
    ...(needsProcessing
      ? { status: 'processing', copyStatus: 'pending' }
      : { status: 'ready', copyStatus: 'refused' }),
  });
  if ((await addUsage(transaction, caller.id, content.size)) > deps.quotaBytes)
    throw new QuotaExceeded({ detail: 'Delete files to free storage.' });
  await addReferences(transaction, deps.storage, [{ ...content, store: upload.file.keep }]);
  if (!needsProcessing) return;
  const uploaded = { media_id: mediaId, version, sha256: content.sha256, type: content.type };
  await writeOutbox(transaction, [
    outboxEntry(isPicture(content.type) ? PictureUploaded : FileStored, uploaded, {
      aggregate: { type: 'media', id: mediaId, version },
      actor: caller.id,
    }),
  ]);
}
