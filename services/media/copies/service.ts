import { FileStored } from '#contracts/events/media';
import { repeatEvery } from '#kit/core/repeat';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction } from '#kit/mysql/database';
import { addReferences } from '../blobs/store';
import type { MediaDeps } from '../deps';
import { lockMedia } from '../files/store';
import { BlobMissing } from '../processing/model';
import { isPicture, isStrippable } from '../uploads/file-types';
import { findVersion, updateVersion } from '../versions/store';
import type { RecordedCopy } from './model';
import * as store from './store';

/**
 * Records the copy of a version without metadata, or that there will be none. With that a file that is no picture is ready.
 *
 * @returns false when it was recorded before, or the file has been deleted
 * @throws BlobMissing when the storage does not hold the copy
 */
export async function recordCopy(
  deps: Pick<MediaDeps, 'database' | 'storage'>,
  recorded: RecordedCopy,
): Promise<boolean> {
  const { id, version, copy } = recorded;
  return inTransaction(deps.database, async (transaction) => {
    const media = await lockMedia(transaction, id);
    const row = media && (await findVersion(transaction, id, version));
    if (row?.copyStatus !== 'pending') return false;
    await updateVersion(
      transaction,
      { mediaId: id, version },
      {
        ...(copy === undefined
          ? { copyStatus: 'refused' }
          : { copyStatus: 'ready', copySha256: copy.checksum, copySize: copy.size }),
        ...(row.status === 'processing' && !isPicture(row.type) && { status: 'ready' }),
      },
    );
    const missing = () => Promise.reject(new BlobMissing());
    if (copy !== undefined)
      await addReferences(transaction, deps.storage, [
        { sha256: copy.checksum, size: copy.size, store: missing },
      ]);
    return true;
  });
}

const REQUEST_EVERY_MS = 10_000;
const BATCH_SIZE = 200;
/** Asked for and not yet made: more would only wait, and be asked for again. */
const MAX_REQUESTED = 1_000;
/** By then the worker's attempts are used up. */
const RETRY_AFTER_HOURS = 6;

/** Asks for copies of the files that were stored before there were any, and of those that an older worker has processed. */
export function requestCopiesPeriodically(deps: MediaDeps): void {
  repeatEvery(deps.runtime, 'requesting copies without metadata', { everyMs: REQUEST_EVERY_MS }, async () => {
    const requested = await requestCopies(deps);
    if (requested > 0) deps.runtime.log.info({ files: requested }, 'requested copies without metadata');
  });
}

/** @returns how many it has asked for */
export async function requestCopies({
  database,
  outbox,
}: Pick<MediaDeps, 'database' | 'outbox'>): Promise<number> {
  if ((await store.countRequested(database, RETRY_AFTER_HOURS)) >= MAX_REQUESTED) return 0;
  const requested = await inTransaction(database, async (transaction) => {
    const versions = await store.lockUncopied(transaction, RETRY_AFTER_HOURS, BATCH_SIZE);
    const strippable = versions.filter(({ type }) => isStrippable(type));
    for (const version of versions)
      if (strippable.includes(version)) await store.markRequested(transaction, version);
      else await updateVersion(transaction, version, { copyStatus: 'refused' });
    await writeOutbox(
      transaction,
      strippable.map(({ mediaId, version, sha256, type, ownerId }) =>
        outboxEntry(
          FileStored,
          { media_id: mediaId, version, sha256, type },
          { aggregate: { type: 'media', id: mediaId, version }, actor: ownerId },
        ),
      ),
    );
    return strippable.length;
  });
  outbox.wake();
  return requested;
}
