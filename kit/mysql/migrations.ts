import { drizzle } from 'drizzle-orm/mysql2';
import { migrate } from 'drizzle-orm/mysql2/migrator';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { authorityOf } from '../core/address';
import { retryForever } from '../core/back-off';
import type { Logger } from '../core/log';
import type { MysqlAddress } from './database';

/** One instance migrates while the others wait this long for it. */
const LOCK_TIMEOUT_SECONDS = 120;

/**
 * Creates the database if it does not exist and applies the pending migrations, under a lock, so that any number of
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
  const { database, ...server } = address;
  const connection = await retryForever(
    () => createConnection({ ...server, connectTimeout: 3_000, multipleStatements: false, timezone: 'Z' }),
    {
      signal,
      onFailure: (failure, attempt) => {
        if (attempt % 10 === 1)
          log.warn(
            { err: String(failure) },
            `The database server at ${authorityOf(server.host, server.port)} is unavailable; reconnecting`,
          );
      },
      capMs: 1_000,
    },
  );
  try {
    const lock = `migrate:${database}`.slice(0, 64);
    const [rows] = await connection.query<RowDataPacket[]>('select get_lock(?, ?) as acquired', [
      lock,
      LOCK_TIMEOUT_SECONDS,
    ]);
    if (rows[0]?.acquired !== 1)
      throw new Error(
        `Another process has been migrating ${database} for more than ${LOCK_TIMEOUT_SECONDS} s`,
      );
    await connection.query(
      `create database if not exists ${connection.escapeId(database)} character set utf8mb4`,
    );
    await connection.query(`use ${connection.escapeId(database)}`);
    await migrate(drizzle(connection), { migrationsFolder: folder });
    log.debug({ database }, 'migrated');
  } finally {
    await connection.end();
  }
}
