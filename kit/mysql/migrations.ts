import { drizzle } from 'drizzle-orm/mysql2';
import { migrate } from 'drizzle-orm/mysql2/migrator';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { authorityOf } from '../core/address';
import { retryForever } from '../core/back-off';
import type { Logger } from '../core/log';
import type { MysqlAddress } from './address';
import { withLease } from './leases/with-lease';
import { connectToWriter } from './writer/connect';

/** One instance migrates while the others wait this long for it. */
const WAIT_MS = 120_000;
const LEASE = 'migrations';

/**
 * Creates the database if it does not exist and applies the pending migrations, under a lease, so that any number of
 * instances may start concurrently. Waits for a server that is not available yet.
 *
 * @param options.folder the service's `migrations/`
 * @throws when a migration fails, or the signal aborts
 */
export async function migrateDatabase(options: {
  address: MysqlAddress;
  folder: string;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { address, folder, log, signal } = options;
  const { database } = address;
  const migrating = await connect(address, log, signal);
  // The lease is renewed while a migration occupies the other connection.
  const renewing = await connect(address, log, signal);
  try {
    await createDatabase(migrating, database);
    await renewing.query(`use ${renewing.escapeId(database)}`);
    const wait = AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)]);
    const isDone = await withLease(drizzle(renewing), { name: LEASE, wait }, async (lost) => {
      // Once the connection is closed, statements that it has not been sent never are.
      await Promise.race([migrate(drizzle(migrating), { migrationsFolder: folder }), rejectionOf(lost)]);
      return true;
    });
    if (isDone === undefined)
      throw new Error(`Another process has been migrating ${database} for more than ${WAIT_MS / 1000} s`);
    log.debug({ database }, 'migrated');
  } finally {
    for (const connection of [migrating, renewing]) connection.destroy();
  }
}

const rejectionOf = (lost: AbortSignal): Promise<never> =>
  new Promise((_, reject) => lost.addEventListener('abort', () => reject(lost.reason)));

function connect(address: MysqlAddress, log: Logger, signal: AbortSignal) {
  return retryForever(
    () => connectToWriter({ ...address, database: '' }, { connectTimeout: 3_000, timezone: 'Z' }),
    {
      signal,
      onFailure: (failure, attempt) => {
        if (attempt % 10 === 1)
          log.warn(
            { err: String(failure) },
            `The database server at ${authorityOf(address.host, address.port)} is unavailable; reconnecting`,
          );
      },
      capMs: 1_000,
    },
  );
}

/** Asks first: on a Galera cluster even a DDL statement without an effect stops all nodes for a moment. */
async function createDatabase(connection: Connection, database: string): Promise<void> {
  const [existing] = await connection.query<RowDataPacket[]>(
    'select 1 from information_schema.schemata where schema_name = ?',
    [database],
  );
  const name = connection.escapeId(database);
  if (existing.length === 0)
    await connection.query(`create database if not exists ${name} character set utf8mb4`);
  await connection.query(`use ${name}`);
}
