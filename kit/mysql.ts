import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool, type Pool } from 'mysql2/promise';
import type { Runtime } from './runtime';
import { withTimeout } from './runtime';

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
): { database: Database; pool: Pool } {
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
  return { database: drizzle(pool), pool };
}
