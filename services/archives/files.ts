import type { Runtime } from '#kit/core/runtime';
import { runOnSchedule } from '#kit/core/schedule';
import { inTransaction } from '#kit/mysql/database';
import type { ArchivesDeps } from './deps';
import * as store from './store';

type FilesDeps = Pick<ArchivesDeps, 'database' | 'storage'>;

const DAY_MS = 24 * 60 * 60_000;
/** Ten attempts with their back-off take an hour at most. */
const MAX_PENDING_MS = DAY_MS;
const BATCH = 100;
const STAGED_FOR_MS = DAY_MS;

/** Deletes an archive and, unless another one references it, its file. @param end of the row: it is deleted by default */
export async function deleteWithFile(
  deps: FilesDeps,
  { id, sha256 }: { id: string; sha256: string | null },
  end: typeof store.deleteArchive = store.deleteArchive,
): Promise<void> {
  await inTransaction(deps.database, async (transaction) => {
    await end(transaction, id);
    if (sha256 !== null && (await store.lockReferences(transaction, sha256)) === 0)
      await deps.storage.delete(sha256);
  });
}

/** Every hour: deletes what has expired and what crashes left behind. */
export function cleanUpHourly(deps: FilesDeps & { runtime: Runtime; retentionDays: number }): void {
  let suspects: ReadonlySet<string> = new Set();
  runOnSchedule(deps.runtime, 'cleaning up archives', '17 * * * *', async () => {
    await deleteExpired(deps);
    suspects = await deleteOrphans(deps, suspects);
    await deps.storage.removeAbandoned(STAGED_FOR_MS);
  });
}

export async function deleteExpired(deps: FilesDeps & { retentionDays: number }): Promise<void> {
  const now = Date.now();
  await store.failPendingBefore(deps.database, new Date(now - MAX_PENDING_MS), 'archive.timed-out');
  const expired = new Date(now - deps.retentionDays * DAY_MS);
  for (;;) {
    const batch = await store.listArchivesBefore(deps.database, expired, BATCH);
    for (const archive of batch) await deleteWithFile(deps, archive);
    if (batch.length < BATCH) return;
  }
}

/**
 * Deletes the files that no archive references, if they were already unreferenced the last time: one that was stored just
 * now is referenced in a moment.
 *
 * @param suspects the result of the last time
 */
export async function deleteOrphans(
  deps: FilesDeps,
  suspects: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const unreferenced = new Set<string>();
  let names: string[] = [];
  const check = async () => {
    const referenced = await store.findReferenced(deps.database, names);
    for (const name of names) if (!referenced.has(name)) unreferenced.add(name);
    names = [];
  };
  for await (const name of deps.storage.list()) {
    names.push(name);
    if (names.length === BATCH) await check();
  }
  await check();
  for (const sha256 of unreferenced)
    if (suspects.has(sha256))
      await inTransaction(deps.database, async (transaction) => {
        if ((await store.lockReferences(transaction, sha256)) === 0) await deps.storage.delete(sha256);
      });
  return unreferenced;
}
