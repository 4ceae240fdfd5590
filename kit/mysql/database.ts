import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool, type Pool } from 'mysql2/promise';
import { backOffMs, sleep } from '../core/back-off';
import { observeDrops } from '../core/queues/work-queue-metrics';
import type { Runtime } from '../core/runtime';
import { withTimeout } from '../core/runtime';
import { DependencyUnavailable } from '../errors/problem';
import type { MysqlAddress } from './address';
import { outcomeOf, type TransactionPhase } from './failures';
import { observePool } from './pool-metrics';
import { limitQueue } from './pool-queue';
import { withQuerySpans } from './query-spans';
import type { WriterOptions } from './writer/follow';
import { createFollowingPool } from './writer/pool';

export type Database = MySql2Database;
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];
/** Runs queries, in a transaction or outside of one. */
export type Executor = Database | Transaction;

/**
 * Callers that may wait for a connection, and how long: as long as the gateway waits for an instance before it retries
 * elsewhere what may be retried.
 */
const QUEUE = { waiting: 500, waitMs: 5_000 };
const CONNECT_TIMEOUT_MS = 3_000;
const PING_TIMEOUT_MS = 1_500;

/**
 * Creates a connection pool. Times are UTC, and matched rows count as affected, so that an idempotent update is
 * distinguished from one without a match.
 *
 * @param connections the maximum
 * @param moved of an address with standbys: is called when another server becomes the writer
 * @returns a pool whose callers wait for a connection without a limit
 */
export function createMysqlPool(
  { standbys = [], ...address }: MysqlAddress,
  connections: number,
  moved?: WriterOptions['moved'],
): Pool {
  const settings = {
    connectionLimit: connections,
    connectTimeout: CONNECT_TIMEOUT_MS,
    timezone: 'Z',
    charset: 'utf8mb4_unicode_520_ci',
    supportBigNumbers: true,
    enableKeepAlive: true,
    maxIdle: connections,
    // A stack captured with every statement takes a twentieth of a busy process; drizzle's errors have one of their own.
    trace: false,
  };
  return standbys.length === 0
    ? createPool({ ...address, ...settings })
    : createFollowingPool({ ...address, standbys }, settings, moved);
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
  const pool = createMysqlPool(address, connections, ({ from, to, wasAway }) =>
    runtime.log.warn({ from, to, was_away: wasAway }, 'another database server is written to'),
  );
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

const TRANSACTION_ATTEMPTS = 5;
const TRANSACTION_PACE = { baseMs: 20, capMs: 200 };

/**
 * Runs `work` in a transaction. When that certainly was not committed, for a reason that may pass, all of it runs again: five
 * attempts, with a short back-off. Such are a deadlock, which a Galera cluster also reports when certification refuses a commit,
 * a lock wait timeout, a connection that is lost before the commit, and a server that takes no writes any more.
 *
 * A connection that is lost during the commit leaves open whether it happened, so nothing is repeated here: whoever asked
 * repeats it, under the same `Idempotency-Key` or message id.
 *
 * @throws what `work` throws, and the transaction is rolled back; DependencyUnavailable when the outcome is unknown
 */
export async function inTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    let phase: TransactionPhase = 'starting';
    try {
      return await database.transaction(async (transaction) => {
        phase = 'working';
        const result = await work(transaction);
        phase = 'committing';
        return result;
      });
    } catch (failure) {
      const outcome = outcomeOf(failure, phase);
      if (outcome === 'unknown')
        throw new DependencyUnavailable({ headers: { 'retry-after': '1' }, cause: failure });
      if (outcome === 'failed' || attempt === TRANSACTION_ATTEMPTS) throw failure;
      await sleep(5 + backOffMs(attempt, TRANSACTION_PACE));
    }
  }
}

/**
 * Runs a statement of its own, which may be executed twice without harm, and again after a failure that may pass: at most as
 * often as `inTransaction`.
 */
export async function repeatStatement<Result>(statement: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await statement();
    } catch (failure) {
      if (attempt === TRANSACTION_ATTEMPTS || outcomeOf(failure, 'working') === 'failed') throw failure;
      await sleep(5 + backOffMs(attempt, TRANSACTION_PACE));
    }
  }
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
