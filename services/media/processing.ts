import { repeatEvery } from '#kit/core/repeat';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import { announceAvatar } from './avatars';
import { addReferences, sweepBlobs } from './blobs';
import { BytesNotStored, type Processed, type Rejected } from './model';
import type { MediaDeps } from './service';
import * as store from './store';

/**
 * Records what the worker made of a picture.
 *
 * @returns false when that was recorded before, or the file is gone
 * @throws BytesNotStored when a size is not in the storage (any more)
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
    await store.updateVersion(transaction, key, result);
    await store.insertSizes(
      transaction,
      processed.sizes.map(({ checksum, ...size }) => ({ ...key, ...size, sha256: checksum })),
    );
    await announceAvatar(deps, transaction, media, { ...version, ...result });
    const missing = () => Promise.reject(new BytesNotStored());
    await addReferences(
      transaction,
      deps.storage,
      processed.sizes.map(({ checksum, size }) => ({ sha256: checksum, size, keep: missing })),
    );
  });
  deps.outbox.wake();
  return recorded;
}

/** Records that a picture cannot be used. @returns as `completeProcessing` */
export async function rejectPicture(deps: MediaDeps, rejected: Rejected): Promise<boolean> {
  return whileProcessing(deps, rejected, (transaction, media, { version }) =>
    store.updateVersion(
      transaction,
      { mediaId: media.id, version },
      { status: 'rejected', code: rejected.code },
    ),
  );
}

async function whileProcessing(
  deps: MediaDeps,
  { id, version }: { id: string; version: number },
  work: (transaction: Transaction, media: store.MediaRow, version: store.VersionRow) => Promise<void>,
): Promise<boolean> {
  return inTransaction(deps.database, async (transaction) => {
    const media = await store.lockMedia(transaction, id);
    if (media === undefined) return false;
    const row = await store.findVersion(transaction, id, version);
    if (row?.status !== 'processing') return false;
    await work(transaction, media, row);
    return true;
  });
}

const SWEEP_EVERY_MS = 60 * 60_000;
/** Nobody sends one file for so long. */
const UPLOAD_AGE_MS = 6 * 60 * 60_000;
/** The worker's attempts, the broker's patience included, are over by then. */
const PROCESSING_MINUTES = 3 * 60;
const ABANDONED_ROWS = 100;

/** Cleans up behind crashes, now and every hour until the runtime ends. */
export function sweep(deps: MediaDeps): void {
  repeatEvery(deps.runtime, 'sweeping files', { everyMs: SWEEP_EVERY_MS }, async () => {
    const swept = await sweepBlobs(deps);
    if (swept > 0) deps.runtime.log.info({ files: swept }, 'bytes that nothing referred to are deleted');
    await deps.storage.removeAbandoned(UPLOAD_AGE_MS);
    for (const { mediaId, version } of await store.findAbandoned(
      deps.database,
      PROCESSING_MINUTES,
      ABANDONED_ROWS,
    ))
      await rejectPicture(deps, { id: mediaId, version, code: 'processing.abandoned' });
  });
}
