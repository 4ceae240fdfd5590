import { repeatEvery } from '#kit/core/repeat';
import type { ChatDeps } from '../deps';
import { deleteAnswered } from './store';

const CLEAN_UP_EVERY_MS = 60 * 60_000;
const BATCH_SIZE = 500;

/** Deletes invitations that were answered and count for no quota any more. */
export function deleteAnsweredPeriodically({
  runtime,
  database,
}: Pick<ChatDeps, 'runtime' | 'database'>): void {
  repeatEvery(runtime, 'deleting answered invitations', { everyMs: CLEAN_UP_EVERY_MS }, async () => {
    while (!runtime.closing.aborted) if ((await deleteAnswered(database, BATCH_SIZE)) < BATCH_SIZE) return;
  });
}
