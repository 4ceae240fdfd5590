import { repeatEvery } from '#kit/core/repeat';
import { deleteOrphans } from '../blobs/store';
import type { MediaDeps } from '../deps';
import { findAbandoned } from '../versions/store';
import { rejectPicture } from './service';

const CLEAN_UP_EVERY_MS = 60 * 60_000;
/** Longer than any upload takes. */
const STAGED_MAX_AGE_MS = 6 * 60 * 60_000;
/** By then the worker's attempts are used up, redeliveries by the broker included. */
const PROCESSING_TIMEOUT_MINUTES = 3 * 60;
const ABANDONED_BATCH_SIZE = 100;

/** Removes what crashes left behind, now and every hour: orphaned blobs, staged files, abandoned processing. */
export function cleanUpPeriodically(deps: MediaDeps): void {
  const { runtime, database, storage } = deps;
  repeatEvery(runtime, 'cleaning up files', { everyMs: CLEAN_UP_EVERY_MS }, async () => {
    const deleted = await deleteOrphans(deps);
    if (deleted > 0) runtime.log.info({ files: deleted }, 'deleted unreferenced blobs');
    await storage.removeAbandoned(STAGED_MAX_AGE_MS);
    const abandoned = await findAbandoned(database, PROCESSING_TIMEOUT_MINUTES, ABANDONED_BATCH_SIZE);
    for (const { mediaId, version } of abandoned)
      await rejectPicture(deps, { id: mediaId, version, code: 'processing.abandoned' }).catch(
        // One that cannot be rejected must not keep the others from it.
        (failure: unknown) => runtime.log.warn({ err: failure, media_id: mediaId }, 'picture not rejected'),
      );
  });
}
