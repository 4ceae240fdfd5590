import { backOffMs, pause } from './back-off';
import type { Database, Transaction } from './mysql';

/** Transactions that InnoDB gave up in favour of another; the application is expected to run them again. */
const LOST_TO_ANOTHER = ['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT'];
const ATTEMPTS = 5;

/**
 * Runs `work` in a transaction, again after a deadlock or a lock wait that timed out: five attempts at most.
 * `work` must have no effect outside of the transaction.
 *
 * @throws what `work` or the commit threw
 */
export async function inTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.transaction(work);
    } catch (failure) {
      if (attempt === ATTEMPTS || !isLostToAnother(failure)) throw failure;
      await pause(backOffMs(attempt, { baseMs: 10, capMs: 200 }));
    }
  }
}

function isLostToAnother(failure: unknown): boolean {
  return mysqlErrorCode(failure, (code) => LOST_TO_ANOTHER.includes(code));
}

/** True when a duplicate of a unique key was refused. */
export const isDuplicate = (failure: unknown): boolean =>
  mysqlErrorCode(failure, (code) => code === 'ER_DUP_ENTRY');

/** drizzle wraps the driver's error, so the code may be that of the cause. */
function mysqlErrorCode(failure: unknown, matches: (code: string) => boolean): boolean {
  if (!(failure instanceof Error)) return false;
  const code: unknown = Reflect.get(failure, 'code');
  return (typeof code === 'string' && matches(code)) || mysqlErrorCode(failure.cause, matches);
}
