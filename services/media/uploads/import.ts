import { Type } from '@sinclair/typebox';
import { Timestamp, Uuid } from '#contracts/messages';
import { DependencyUnavailable } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import { IdTaken, type ImportedRecord, pastTime, RecordInvalid } from '#kit/grpc/portability';
import { inTransaction } from '#kit/mysql/database';
import { BytesMissing, type ReceivedFile } from '#kit/storage/file-storage';
import { upsertAvatar } from '../avatars/store';
import { findCategory } from '../categories/store';
import type { MediaDeps } from '../deps';
import { TagList } from '../files/model';
import { findFile, insertMedia } from '../files/store';
import { replaceTags } from '../files/tags-store';
import { isPicture } from './file-types';
import { UploadFields } from './model';
import { addVersion, storeContent } from './service';

const { bucket_name, category_id, visibility } = UploadFields.properties;
const FileRecord = Type.Object({
  id: Uuid,
  bucket_name,
  category_id,
  visibility,
  tags: TagList,
  is_avatar: Type.Boolean(),
  file_name: Type.String({ maxLength: 1_000 }),
  created_at: Timestamp,
  updated_at: Timestamp,
});
/** As the archives worker received it. */
const MAX_BYTES = 1024 ** 3;

/**
 * Restores a file of an archive through the checks of an upload: type, size, quota. Pictures are processed again.
 *
 * @throws RecordInvalid without the file's content, IdTaken, and what an upload throws
 */
export async function importFile(
  deps: MediaDeps,
  { userId, data, file: content }: ImportedRecord,
): Promise<'imported' | 'exists'> {
  const record = validated(FileRecord, data);
  const times = { createdAt: pastTime(record.created_at), updatedAt: pastTime(record.updated_at) };
  if (content === undefined) throw new RecordInvalid();
  const existing = await findFile(deps.database, record.id);
  if (existing !== undefined && existing.media.ownerId !== userId) throw new IdTaken();
  if (existing !== undefined) return 'exists';
  const file = await receiveAgain(deps, content.sha256);
  try {
    const upload = { file, fileName: record.file_name, contentType: undefined };
    const stored = await storeContent(deps, { id: userId }, upload);
    await inTransaction(deps.database, async (transaction) => {
      const category = record.category_id && (await findCategory(transaction, record.category_id));
      await insertMedia(transaction, {
        id: record.id,
        ownerId: userId,
        bucketName: record.bucket_name,
        categoryId: category ? category.id : null,
        visibility: record.visibility,
        ...times,
      });
      if (record.is_avatar && record.visibility === 'public' && isPicture(stored.type))
        await upsertAvatar(transaction, userId, record.id);
      await replaceTags(transaction, record.id, record.tags);
      const version = { mediaId: record.id, version: 1, content: stored, upload };
      await addVersion(deps, transaction, { id: userId }, version);
    });
  } finally {
    await file.discard();
  }
  deps.outbox.wake();
  return 'imported';
}

/** From the storage to the local disk, where the type is detected. @throws DependencyUnavailable when it was cleaned up */
async function receiveAgain({ storage }: MediaDeps, sha256: string): Promise<ReceivedFile> {
  try {
    return await storage.receive(await storage.read(sha256), { maximumBytes: MAX_BYTES });
  } catch (cause) {
    if (cause instanceof BytesMissing) throw new DependencyUnavailable({ cause });
    throw cause;
  }
}
