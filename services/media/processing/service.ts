import { inTransaction, type Transaction } from '#kit/mysql/database';
import { publishAvatarIfReady } from '../avatars/service';
import { addReferences } from '../blobs/store';
import type { MediaDeps } from '../deps';
import { lockMedia, type MediaRow } from '../files/store';
import { findVersion, updateVersion, type VersionRow } from '../versions/store';
import { BlobMissing, type Processed, type Rejected } from './model';
import { insertSizes } from './store';

/**
 * Records the sizes that the worker has made of a picture.
 *
 * @returns false when the result was recorded before, or the file has been deleted
 * @throws BlobMissing when the storage does not hold a size
 */
export async function completeProcessing(deps: MediaDeps, processed: Processed): Promise<boolean> {
  const recorded = await whileProcessing(deps, processed, async (transaction, media, version) => {
    const key = { mediaId: media.id, version: version.version };
    const result = {
      status: 'ready',
      width: processed.width,
      height: processed.height,
      frames: processed.frames,
      thumbhash: Buffer.from(processed.thumbhash).toString('base64'),
      dominantColor: processed.dominant_color,
    } as const;
    await updateVersion(transaction, key, result);
    await insertSizes(
      transaction,
      processed.sizes.map(({ checksum, ...size }) => ({ ...key, ...size, sha256: checksum })),
    );
    await publishAvatarIfReady(deps, transaction, media, { ...version, ...result });
    const missing = () => Promise.reject(new BlobMissing());
    await addReferences(
      transaction,
      deps.storage,
      processed.sizes.map(({ checksum, size }) => ({ sha256: checksum, size, store: missing })),
    );
  });
  deps.outbox.wake();
  return recorded;
}

/** Records that a picture is unusable. @returns like `completeProcessing` */
export async function rejectPicture(deps: Pick<MediaDeps, 'database'>, rejected: Rejected): Promise<boolean> {
  return whileProcessing(deps, rejected, (transaction, media, { version }) =>
    updateVersion(transaction, { mediaId: media.id, version }, { status: 'rejected', code: rejected.code }),
  );
}

async function whileProcessing(
  deps: Pick<MediaDeps, 'database'>,
  { id, version }: { id: string; version: number },
  work: (transaction: Transaction, media: MediaRow, version: VersionRow) => Promise<void>,
): Promise<boolean> {
  return inTransaction(deps.database, async (transaction) => {
    const media = await lockMedia(transaction, id);
    if (media === undefined) return false;
    const row = await findVersion(transaction, id, version);
    if (row?.status !== 'processing') return false;
    await work(transaction, media, row);
    return true;
  });
}
