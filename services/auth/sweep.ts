import { sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import { type Database, inTransaction } from '#kit/mysql/database';
import { deleteExpiredResets } from './password-resets/store';
import { deleteExpiredSessions } from './sessions/store';
import { deleteEndedRevocations } from './tokens/revocations';

const EVERY_MS = 60 * 60_000;
const BATCH_ROWS = 500;

/** Removes what nobody can use any more, now and every hour until the process ends. */
export function sweepExpired(deps: { runtime: Runtime; database: Database; now: () => number }): void {
  const { closing, log } = deps.runtime;
  const sweeping = (async () => {
    while (!closing.aborted) {
      const more = await sweepOnce(deps).catch((failure: unknown) => {
        log.warn({ err: failure }, 'expired sessions could not be removed');
        return false;
      });
      if (!more) await sleep(EVERY_MS, closing);
    }
  })();
  deps.runtime.onClose('sweeping', () => sweeping);
}

/** @returns whether there may be more */
export async function sweepOnce(deps: { database: Database; now: () => number }): Promise<boolean> {
  const now = new Date(deps.now());
  const sessions = await inTransaction(deps.database, (transaction) =>
    deleteExpiredSessions(transaction, now, BATCH_ROWS),
  );
  const revocations = await deleteEndedRevocations(deps.database, now, BATCH_ROWS);
  const resets = await deleteExpiredResets(deps.database, now, BATCH_ROWS);
  return [sessions, revocations, resets].includes(BATCH_ROWS);
}
