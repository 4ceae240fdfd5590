import type { ListedHosts } from '../config/hosts';
import type { Runtime } from '../core/runtime';
import { mysqlAddress } from './address';
import { type Database, openMysql } from './database';
import { migrateDatabase } from './migrations';

/**
 * Opens a service's database: created if it does not exist, and migrated under a lock. Waits for a server that is not
 * available yet.
 *
 * @param options.name the database, unless `url` is set
 * @param options.migrations the folder written by drizzle-kit
 * @throws when a migration fails, or the process shuts down before
 */
export async function openServiceDatabase(
  runtime: Runtime,
  env: { DB_HOST: ListedHosts; DB_PORT: number; DB_USER: string; DB_PASSWORD: string; DB_POOL_SIZE: number },
  options: { name: string; url: string | undefined; migrations: string },
): Promise<Database> {
  const address = mysqlAddress(env, options.name, options.url);
  await migrateDatabase({ address, folder: options.migrations, log: runtime.log, signal: runtime.closing });
  return openMysql(runtime, { address, connections: env.DB_POOL_SIZE });
}
