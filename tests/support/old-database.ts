import { join } from 'node:path';
import { migrateDatabase } from '#kit/mysql/migrations';
import { migrateUpTo } from './earlier-migrations';
import { testDatabase, testRuntime } from './servers';

const SERVICES = join(import.meta.dir, '../../services');

/**
 * A service's database as an earlier version left it.
 *
 * @param lastTag the newest migration of that version
 * @returns the database, and `migrate`, which applies the later migrations
 */
export async function oldDatabase(service: string, lastTag: string) {
  const storage = await testDatabase();
  const { log, closing: signal } = testRuntime(service);
  const options = { address: storage.address, folder: join(SERVICES, service, 'migrations'), log, signal };
  await migrateUpTo(lastTag, options);
  return { ...storage, migrate: () => migrateDatabase(options) };
}
