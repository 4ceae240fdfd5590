import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool, type Pool } from 'mysql2/promise';
import { backOffMs, sleep } from '../core/back-off';
import type { Runtime } from '../core/runtime';
import { withTimeout } from '../core/runtime';
import { observePool } from './pool-metrics';
import { withQuerySpans } from './query-spans';

export type Database = MySql2Database;
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];
/** Where a query may run: on its own, or as part of a transaction. */
export type Executor = Database | Transaction;

export interface MysqlAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Requests that may wait for a connection; beyond it they fail at once with 503. */
const WAITING_FOR_CONNECTION = 500;
const CONNECT_TIMEOUT_MS = 3_000;
const PING_TIMEOUT_MS = 1_500;

/**
 * The address of a service's own database: `<NAME>_DATABASE_URL` where set, else the shared server's variables.
 *
 * @throws TypeError when the URL cannot be read
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
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
  };
}

/** The pool's settings; times are UTC, and found rows count as affected so that an idempotent update can be told from a miss. */
export function createMysqlPool(address: MysqlAddress, connections: number): Pool {
  return createPool({
    ...address,
    connectionLimit: connections,
    queueLimit: WAITING_FOR_CONNECTION,
    connectTimeout: CONNECT_TIMEOUT_MS,
    timezone: 'Z',
    charset: 'utf8mb4_unicode_520_ci',
    supportBigNumbers: true,
    enableKeepAlive: true,
    maxIdle: connections,
  });
}

/**
 * A service's database behind drizzle. Connections are made as they are needed and replaced when they break, so
 * a server that restarts is simply used again.
 */
export function openMysql(
  runtime: Runtime,
  options: { address: MysqlAddress; connections: number },
): Database {
  const pool = createMysqlPool(options.address, options.connections);
  runtime.dependency({
    name: 'mysql',
    required: true,
    check: async () => {
      await withTimeout(pool.query('select 1'), PING_TIMEOUT_MS, 'asking the database');
      return undefined;
    },
  });
  runtime.onClose('mysql', () => pool.end());
  observePool(runtime, pool);
  return drizzle(runtime.spans === null ? pool : withQuerySpans(pool, options.address));
}

/** MySQL: deadlock found, lock wait timeout exceeded. The transaction is undone and may be run again. */
const RETRYABLE_ERRORS = new Set([1213, 1205]);
const TRANSACTION_ATTEMPTS = 5;

/**
 * Runs `work` in one transaction, again after a deadlock: at most five times, with a short pause.
 *
 * @throws what `work` throws, with everything undone
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

/** MySQL: duplicate entry for a unique key. */
const DUPLICATE_ENTRY = 1062;

/** True when a row was refused because its unique key is taken; `key` narrows it to one index. */
export function isDuplicate(failure: unknown, key?: string): boolean {
  if (errorNumber(failure) !== DUPLICATE_ENTRY) return false;
  return key === undefined || driverError(failure)?.message.includes(key) === true;
}

/** MySQL: lock wait timeout exceeded. */
const LOCK_TIMEOUT = 1205;

/** True when somebody else held a lock for longer than `innodb_lock_wait_timeout`. */
export const isLockTimeout = (failure: unknown): boolean => errorNumber(failure) === LOCK_TIMEOUT;

const errorNumber = (failure: unknown): number | undefined => driverError(failure)?.errno;

/** drizzle wraps the driver's error as the cause of its own. */
function driverError(failure: unknown): { errno: number; message: string } | undefined {
  for (let error = failure; error instanceof Error; error = error.cause)
    if ('errno' in error && typeof error.errno === 'number')
      return { errno: error.errno, message: error.message };
  return undefined;
}

/**
 * Queries prepared once for each database: parsing a statement costs more than running a small one.
 *
 * @param prepare builds the prepared queries
 * @returns a function that answers them for a database, always the same
 */
export function preparedOnce<Queries>(
  prepare: (database: Database) => Queries,
): (database: Database) => Queries {
  const prepared = new WeakMap<Database, Queries>();
  return (database) => {
    let queries = prepared.get(database);
    if (queries === undefined) {
      queries = prepare(database);
      prepared.set(database, queries);
    }
    return queries;
  };
}
