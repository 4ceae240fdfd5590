import { sql } from 'drizzle-orm';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { backOffMs, sleep } from '../../core/back-off';
import type { MysqlAddress } from '../address';
import type { Database } from '../database';
import { errorNumber } from '../failures';
import { connectToWriter } from '../writer/connect';

/**
 * For one version: processes of the version before, which run beside these during a roll-out, hold 16 worker numbers by named
 * locks. Their number *n* is this version's 64*n* to 64*n* + 63, in the same bits of an id.
 */
export const OLD_WORKER_BITS = 4;
const CONNECT_TIMEOUT_MS = 3_000;
/** Longer than any process runs. */
const FOREVER_SECONDS = 31_536_000;
const QUEUEING_ATTEMPTS = 20;
/** ER_NOT_SUPPORTED_YET: a Galera cluster may refuse named locks, and then no process of the version before runs on it. */
const NOT_SUPPORTED = 1235;

export interface OldLock {
  /** Settles when processes of the version before may take the number. */
  readonly lost: Promise<unknown>;
  close(): void;
}

/**
 * Keeps processes of the version before from taking a worker number. Processes of this version share its lock: one holds it,
 * beside a second one that says so, and the others queue for it. An old process never queues, so the lock stays with them.
 *
 * @returns null when an old process holds it
 */
export async function keepOldWorkersOff(
  database: Database,
  address: MysqlAddress,
  number: number,
): Promise<OldLock | null> {
  const lock = `id-worker:${address.database}:${number}`.slice(-64);
  const shared = `${lock}:shared`.slice(-64);
  const connection = await connectToWriter(address, { connectTimeout: CONNECT_TIMEOUT_MS });
  const handle = { lost: endOf(connection), close: () => connection.destroy() };
  try {
    await connection.query('set session wait_timeout = ?', [FOREVER_SECONDS]);
    if (await getLock(connection, lock, 0)) {
      await getLock(connection, shared, FOREVER_SECONDS);
      return handle;
    }
    if (!isPair(await holdersOf(database, { lock, shared }))) {
      connection.destroy();
      return null;
    }
    const queueing = getLock(connection, lock, FOREVER_SECONDS).then(() =>
      getLock(connection, shared, FOREVER_SECONDS),
    );
    // A broken connection is reported by its end.
    queueing.catch(() => undefined);
    if (await isShared(database, connection.threadId, { lock, shared })) return handle;
  } catch (failure) {
    connection.destroy();
    if (errorNumber(failure) === NOT_SUPPORTED)
      return { lost: new Promise(() => undefined), close: () => undefined };
    throw failure;
  }
  connection.destroy();
  return null;
}

/** Whether this connection is in the queue, or has come to hold the lock, while a process of this version holds it. */
async function isShared(database: Database, connectionId: number, locks: Locks<string>): Promise<boolean> {
  for (let attempt = 1; attempt <= QUEUEING_ATTEMPTS; attempt++) {
    // First whether it queues: whoever held the lock before that does not matter.
    const [queued] = await database
      .select({ state: sql<string | null>`state` })
      .from(sql`information_schema.processlist`)
      .where(sql`id = ${connectionId}`);
    const holders = await holdersOf(database, locks);
    if ((queued?.state === 'User lock' || holders.lock === connectionId) && isPair(holders)) return true;
    await sleep(backOffMs(attempt, { baseMs: 5, capMs: 50 }));
  }
  return false;
}

interface Locks<Value> {
  readonly lock: Value;
  readonly shared: Value;
}

/** The connections that hold the two locks. */
async function holdersOf(database: Database, { lock, shared }: Locks<string>): Promise<Locks<number | null>> {
  const [holders] = await database
    .select({
      lock: sql<number | null>`is_used_lock(${lock})`,
      shared: sql<number | null>`is_used_lock(${shared})`,
    })
    .from(sql`dual`);
  return holders ?? { lock: null, shared: null };
}

/** Whether a process of this version holds the lock. */
const isPair = ({ lock, shared }: Locks<number | null>): boolean => lock !== null && lock === shared;

async function getLock(connection: Connection, name: string, seconds: number): Promise<boolean> {
  const [rows] = await connection.query<RowDataPacket[]>('select get_lock(?, ?) as acquired', [
    name,
    seconds,
  ]);
  return rows[0]?.acquired === 1;
}

const endOf = (connection: Connection): Promise<unknown> =>
  new Promise((resolve) => {
    connection.on('error', resolve);
    connection.on('end', resolve);
  });
