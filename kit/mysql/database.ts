import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool, type Pool } from 'mysql2/promise';
import { credentialsOf } from '../config/urls';
import { backOffMs, sleep } from '../core/back-off';
import { observeDrops } from '../core/queues/work-queue-metrics';
import type { Runtime } from '../core/runtime';
import { withTimeout } from '../core/runtime';
import { DependencyUnavailable } from '../errors/problem';
import { observePool } from './pool-metrics';
import { limitQueue } from './pool-queue';
import { withQuerySpans } from './query-spans';

export type Database = MySql2Database;
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];
/** Runs queries, in a transaction or outside of one. */
export type Executor = Database | Transaction;

export interface MysqlAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * Callers that may wait for a connection, and how long: as long as the gateway waits for an instance before it retries
 * elsewhere what may be retried.
 */
const QUEUE = { waiting: 500, waitMs: 5_000 };
const CONNECT_TIMEOUT_MS = 3_000;
const PING_TIMEOUT_MS = 1_500;

/**
 * The address of a service's database: `<NAME>_DATABASE_URL` when set, otherwise the variables of the shared server.
 *
 * @throws TypeError when the URL is invalid
 */
export function mysqlAddress(
  env: { DB_HOST: string; DB_PORT: number; DB_USER: string; DB_PASSWORD: string },
  database: string,
  databaseUrl?: string,
): MysqlAddress {
  if (databaseUrl === undefined)
    return { host: env.DB_HOST, port: env.DB_PORT, user: env.DB_USER, password: env.DB_PASSWORD, database };
  const url = new URL(databaseUrl);
  return {
    // Without the brackets of an IPv6 address.
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 3306),
    ...credentialsOf(databaseUrl),
    database: decodeURIComponent(url.pathname.slice(1)),
  };
}

/**
 * Creates a connection pool. Times are UTC, and matched rows count as affected, so that an idempotent update is
 * distinguished from one without a match.
 *
 * @param connections the maximum
 * @returns a pool whose callers wait for a connection without a limit
 */
export function createMysqlPool(address: MysqlAddress, connections: number): Pool {
  return createPool({
    ...address,
    connectionLimit: connections,
    connectTimeout: CONNECT_TIMEOUT_MS,
    timezone: 'Z',
    charset: 'utf8mb4_unicode_520_ci',
    supportBigNumbers: true,
    enableKeepAlive: true,
    maxIdle: connections,
    // A stack captured with every statement takes a twentieth of a busy process; drizzle's errors have one of their own.
    trace: false,
  });
}

/**
 * Opens a service's database through drizzle. Connections are opened on demand and replaced when they break, so a
 * restarted server is used again without further action. When 500 callers already wait for a connection, or one has
 * waited for five seconds, they are rejected with DependencyUnavailable.
 *
 * @param options.queue other limits
 */
export function openMysql(
  runtime: Runtime,
  options: { address: MysqlAddress; connections: number; queue?: Partial<typeof QUEUE> },
): Database {
  const { address, connections } = options;
  const pool = createMysqlPool(address, connections);
  const drops = observeDrops(runtime.metrics);
  const queue = limitQueue(pool, { connections, ...QUEUE, ...options.queue }, (reason) =>
    drops.inc({ queue: 'database connections', reason }),
  );
  runtime.dependency({
    name: 'mysql',
    required: true,
    check: async () => {
      await withTimeout(pool.query('select 1'), PING_TIMEOUT_MS, 'pinging the database');
      return undefined;
    },
  });
  runtime.onClose('mysql', () => pool.end());
  observePool(runtime, pool, queue);
  return drizzle(runtime.spans === null ? pool : withQuerySpans(pool, address));
}

/** ER_LOCK_DEADLOCK and ER_LOCK_WAIT_TIMEOUT: the transaction was rolled back and may be retried. */
const RETRYABLE_ERRORS = new Set([1213, 1205]);
const TRANSACTION_ATTEMPTS = 5;

/**
 * Runs `work` in a transaction and retries it after a deadlock or lock wait timeout: five attempts, with a short back-off.
 *
 * @throws what `work` throws; the transaction is rolled back
 */
export async function inTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.transaction(work);
    } catch (failure) {
      if (attempt === TRANSACTION_ATTEMPTS || !RETRYABLE_ERRORS.has(errorNumber(failure) ?? 0)) throw failure;
      await sleep(5 + backOffMs(attempt, { baseMs: 20, capMs: 200 }));
    }
  }
}

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
  for (let error = failure; error instanceof Error; error = error.cause)
    if (error instanceof DependencyUnavailable || ('fatal' in error && error.fatal === true)) return true;
  return false;
}

/** ER_LOCK_WAIT_TIMEOUT. */
const LOCK_TIMEOUT = 1205;

/** Whether another transaction held a lock for longer than `innodb_lock_wait_timeout`. */
export const isLockTimeout = (failure: unknown): boolean => errorNumber(failure) === LOCK_TIMEOUT;

/** The number of the server's error; undefined for any other failure. */
export const errorNumber = (failure: unknown): number | undefined => driverError(failure)?.errno;

/** drizzle wraps the error of the driver as the cause of its own. */
function driverError(failure: unknown): { errno: number; message: string } | undefined {
  for (let error = failure; error instanceof Error; error = error.cause)
    if ('errno' in error && typeof error.errno === 'number')
      return { errno: error.errno, message: error.message };
  return undefined;
}

/**
 * Builds prepared queries once per database: parsing a statement costs more than running a small one. Only those of the
 * last database are held, because a process has one.
 *
 * @param prepare builds the prepared queries
 * @returns a function from a database to its prepared queries
 */
export function prepareOnce<Queries>(
  prepare: (database: Database) => Queries,
): (database: Database) => Queries {
  let prepared: { readonly database: Database; readonly queries: Queries } | undefined;
  return (database) => {
    if (prepared?.database !== database) prepared = { database, queries: prepare(database) };
    return prepared.queries;
  };
}
