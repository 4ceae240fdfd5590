import { repeatEvery } from '#kit/core/repeat';
import type { ChatDeps } from '../deps';
import { deleteUnusedRooms } from './store';

const CLEAN_UP_EVERY_MS = 60 * 60_000;
const BATCH_SIZE = 500;
const UNUSED_DAYS = 1;

export function deleteUnusedRoomsPeriodically(deps: Pick<ChatDeps, 'runtime' | 'database'>): void {
  const { runtime, database } = deps;
  repeatEvery(runtime, 'deleting unused rooms', { everyMs: CLEAN_UP_EVERY_MS }, async () => {
    while (!runtime.closing.aborted)
      if ((await deleteUnusedRooms(database, UNUSED_DAYS, BATCH_SIZE)) < BATCH_SIZE) return;
  });
}
