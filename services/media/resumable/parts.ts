import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { ReceivedFile } from '#kit/storage/file-storage';
import { addReferences, type BlobsDeps, deleteUnreferenced, releaseReferences } from '../blobs/store';
import { UploadAtWrongOffset, UploadNotFound } from './model';
import * as store from './store';

/**
 * Appends received bytes to an upload, whichever instances received the bytes before.
 *
 * @returns the new offset
 * @throws UploadNotFound; UploadAtWrongOffset when another request has appended to it since
 */
export async function appendPart(
  { database, storage }: BlobsDeps,
  id: string,
  position: number,
  file: ReceivedFile,
): Promise<number> {
  const { sha256, size } = file;
  if (size === 0) return position;
  await file.keep();
  await inTransaction(database, async (transaction) => {
    const upload = await store.lockUpload(transaction, id);
    if (upload === undefined) throw new UploadNotFound({ detail: 'Create a new upload.' });
    if (upload.fileId !== null || upload.received !== position)
      throw new UploadAtWrongOffset({ detail: 'Continue at the offset that HEAD returns.' });
    await store.insertPart(transaction, { uploadId: id, position, sha256, size });
    await store.updateUpload(transaction, id, { received: position + size });
    await addReferences(transaction, storage, [{ sha256, size, store: file.keep }]);
  });
  return position + size;
}

/** The bytes of all parts. */
export async function* readParts({ database, storage }: BlobsDeps, id: string): AsyncGenerator<Uint8Array> {
  for (const { sha256 } of await store.listParts(database, id))
    for await (const bytes of await storage.read(sha256)) yield bytes;
}

/** Deletes an upload with its parts; the file it has become stays. */
export const removeUpload = (deps: BlobsDeps, id: string): Promise<void> =>
  releaseParts(deps, id, (transaction) => store.deleteUpload(transaction, id));

/** Deletes the parts of an upload that has become a file, and keeps its state. */
export const finishUpload = (deps: BlobsDeps, id: string, fileId: string): Promise<void> =>
  releaseParts(deps, id, (transaction) => store.markFinished(transaction, id, fileId));

const BATCH_SIZE = 100;

/** Deletes the uploads of an erased user. */
export async function removeUploadsOfUser(deps: BlobsDeps, ownerId: string): Promise<void> {
  for (;;) {
    const ids = await store.idsOfOwner(deps.database, ownerId, BATCH_SIZE);
    if (ids.length === 0) return;
    for (const id of ids) await removeUpload(deps, id);
  }
}

async function releaseParts(
  deps: BlobsDeps,
  id: string,
  change: (transaction: Transaction) => Promise<void>,
): Promise<void> {
  const names = await inTransaction(deps.database, async (transaction) => {
    await store.lockUpload(transaction, id);
    const parts = await store.listParts(transaction, id);
    await store.deleteParts(transaction, id);
    await change(transaction);
    await releaseReferences(
      transaction,
      parts.map(({ sha256 }) => sha256),
    );
    return parts.map(({ sha256 }) => sha256);
  });
  // The periodic clean-up deletes what fails here.
  await deleteUnreferenced(deps, names).catch(() => undefined);
}
