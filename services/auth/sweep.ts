import { repeatEvery } from '#kit/core/repeat';
import { inTransaction } from '#kit/mysql/database';
import { deleteUnusedApps } from './apps/store';
import type { AuthDeps } from './deps';
import { deleteExpiredForeignSignIns } from './identities/store';
import { deleteExpiredGrants } from './oauth/store';
import { deleteExpiredChallenges } from './passkeys/challenges';
import { deleteExpiredResets } from './password-resets/store';
import { deleteExpiredPending } from './second-factors/store';
import { deleteExpiredSessions } from './sessions/store';
import { deleteExpiredRevocations } from './tokens/store';

const EVERY_MS = 60 * 60_000;
const BATCH_ROWS = 500;
/** How long an app is kept that nobody has allowed anything. */
const UNUSED_APP_MS = 24 * 60 * 60_000;

/** Deletes expired rows, now and every hour until the runtime shuts down. */
export function sweepExpired(deps: Pick<AuthDeps, 'runtime' | 'database' | 'now'>): void {
  const { runtime } = deps;
  repeatEvery(runtime, 'deleting expired rows', { everyMs: EVERY_MS }, async () => {
    while (!runtime.closing.aborted && (await sweepBatch(deps)));
  });
}

/** @returns whether there may be more expired rows */
export async function sweepBatch(deps: Pick<AuthDeps, 'database' | 'now'>): Promise<boolean> {
  const now = new Date(deps.now());
  const sessions = await inTransaction(deps.database, (transaction) =>
    deleteExpiredSessions(transaction, now, BATCH_ROWS),
  );
  const revocations = await deleteExpiredRevocations(deps.database, now, BATCH_ROWS);
  const resets = await deleteExpiredResets(deps.database, now, BATCH_ROWS);
  const challenges = await deleteExpiredChallenges(deps.database, now, BATCH_ROWS);
  const pending = await deleteExpiredPending(deps.database, now, BATCH_ROWS);
  const grants = await deleteExpiredGrants(deps.database, now, BATCH_ROWS);
  const unusedSince = new Date(now.getTime() - UNUSED_APP_MS);
  const apps = await deleteUnusedApps(deps.database, unusedSince, BATCH_ROWS);
  const foreign = await deleteExpiredForeignSignIns(deps.database, now, BATCH_ROWS);
  return [sessions, revocations, resets, challenges, pending, ...grants, apps, foreign].includes(BATCH_ROWS);
}
