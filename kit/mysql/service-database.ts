import type { Runtime } from '../core/runtime';
import { type Database, mysqlAddress, openMysql } from './database';
import { migrateDatabase } from './migrations';

/**
 * A service's own database: made if there is none, migrated under a lock, open. Waits for a server that is not up yet.
 *
 * @param name the database, where no URL says otherwise
 * @param migrations the folder drizzle-kit wrote
 */
export async function openServiceDatabase(
  runtime: Runtime,
  env: { DB_HOST: string; DB_PORT: number; DB_USER: string; DB_PASSWORD: string; DB_POOL_SIZE: number },
  options: { name: string; url: string | undefined; migrations: string },
): Promise<Database> {
  const address = mysqlAddress(env, options.name, options.url);
  await migrateDatabase({ address, folder: options.migrations, log: runtime.log, signal: runtime.closing });
  return openMysql(runtime, { address, connections: env.DB_POOL_SIZE });
}
