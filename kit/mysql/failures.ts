import { DependencyUnavailable } from '../errors/problem';

/** ER_DUP_ENTRY. */
const DUPLICATE_ENTRY = 1062;
/** The only place where the server names the key. MySQL puts the table's name before it, MariaDB does not. */
const DUPLICATE_KEY = / for key '(?:[^'.]+\.)?([^'.]+)'$/;

/** The unique key that rejected a row, like `users_email`; null for any other failure. */
export function duplicateKeyOf(failure: unknown): string | null {
  const error = driverError(failure);
  if (error?.errno !== DUPLICATE_ENTRY) return null;
  return DUPLICATE_KEY.exec(error.message)?.[1] ?? '';
}

/**
 * Whether a row was rejected by a unique key.
 *
 * @param key the name of the index; any by default
 */
export function isDuplicate(failure: unknown, key?: string): boolean {
  const duplicate = duplicateKeyOf(failure);
  return key === undefined ? duplicate !== null : duplicate === key;
}

/** Whether a failure is that of the connection, or of waiting for one, and says nothing about the statement. */
export function isConnectionFailure(failure: unknown): boolean {
  return causesOf(failure).some(
    (error) => error instanceof DependencyUnavailable || ('fatal' in error && error.fatal === true),
  );
}

/** ER_LOCK_WAIT_TIMEOUT. */
const LOCK_TIMEOUT = 1205;

/** Whether another transaction held a lock for longer than `innodb_lock_wait_timeout`. */
export const isLockTimeout = (failure: unknown): boolean => errorNumber(failure) === LOCK_TIMEOUT;

/** The number of the server's error; undefined for any other failure. */
export const errorNumber = (failure: unknown): number | undefined => driverError(failure)?.errno;

/** drizzle wraps the error of the driver as the cause of its own. */
function driverError(failure: unknown): { errno: number; message: string } | undefined {
  for (const error of causesOf(failure))
    if ('errno' in error && typeof error.errno === 'number')
      return { errno: error.errno, message: error.message };
  return undefined;
}

/** ER_OPTION_PREVENTS_STATEMENT and ER_READ_ONLY_MODE: a server that has become read-only, and commits nothing. */
const READ_ONLY = [1290, 1836];
/** ER_UNKNOWN_COM_ERROR of a node that is not part of its Galera cluster, and ER_SERVER_SHUTDOWN. */
const NOT_READY = [1047, 1053];
const AWAY = new Set([...READ_ONLY, ...NOT_READY]);
/** ER_LOCK_DEADLOCK, which certification reports as well, and ER_LOCK_WAIT_TIMEOUT: the transaction was rolled back. */
const CONTENDED = [1213, LOCK_TIMEOUT];

/** Whether another transaction was in the way, and this one was rolled back. */
export const isContended = (failure: unknown): boolean => CONTENDED.includes(errorNumber(failure) ?? 0);

/** Numbers of errors that the server reports; those of the system are negative. */
const FIRST_SERVER_ERROR = 1_000;

/** Whether a server is away, or takes no writes: the connection failed, or the server says so. */
export function isServerAway(failure: unknown): boolean {
  const number = errorNumber(failure);
  return number !== undefined && number >= FIRST_SERVER_ERROR ? AWAY.has(number) : isBroken(failure);
}

/** Where a transaction was when it failed. Before `working` it had no connection, or could not begin. */
export type TransactionPhase = 'starting' | 'working' | 'committing';

const ROLLED_BACK = new Set([...CONTENDED, ...READ_ONLY]);

/**
 * What became of a transaction that failed: it may be repeated, has failed for good, or nobody knows whether it was committed.
 * ER_ERROR_DURING_COMMIT (1180) and what a node says that leaves its cluster come after a commit was asked for, which the
 * others may have.
 */
export function outcomeOf(failure: unknown, phase: TransactionPhase): 'repeatable' | 'failed' | 'unknown' {
  const number = errorNumber(failure) ?? 0;
  if (ROLLED_BACK.has(number)) return 'repeatable';
  if (phase === 'committing')
    return number === ERROR_DURING_COMMIT || isServerAway(failure) ? 'unknown' : 'failed';
  // Otherwise a server that is away would be asked five times by each request.
  return isServerAway(failure) && !isRefusedConnection(failure) ? 'repeatable' : 'failed';
}

const ERROR_DURING_COMMIT = 1180;

const isBroken = (failure: unknown): boolean =>
  causesOf(failure).some(
    (error) => ('fatal' in error && error.fatal === true) || ('code' in error && 'syscall' in error),
  );

const isRefusedConnection = (failure: unknown): boolean =>
  causesOf(failure).some((error) => 'syscall' in error && error.syscall === 'connect');

function causesOf(failure: unknown): Error[] {
  const causes: Error[] = [];
  for (let error = failure; error instanceof Error; error = error.cause) causes.push(error);
  return causes;
}
