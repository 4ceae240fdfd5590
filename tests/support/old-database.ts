import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrateDatabase } from '#kit/mysql/migrations';
import { testDatabase, testRuntime } from './servers';

const SERVICES = join(import.meta.dir, '../../services');

interface Journal {
  readonly entries: readonly { readonly tag: string }[];
}

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

/**
 * Migrates a database as an earlier version did, so that a test can fill it with rows of that version.
 *
 * @param lastTag the newest migration of that version, such as `0000_initial`
 */
async function migrateUpTo(lastTag: string, options: Parameters<typeof migrateDatabase>[0]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  try {
    await cp(options.folder, folder, { recursive: true });
    const path = join(folder, 'meta', '_journal.json');
    const journal: Journal = JSON.parse(await readFile(path, 'utf8'));
    const last = journal.entries.findIndex(({ tag }) => tag === lastTag);
    if (last === -1) throw new Error(`no migration ${lastTag}`);
    await writeFile(path, JSON.stringify({ ...journal, entries: journal.entries.slice(0, last + 1) }));
    await migrateDatabase({ ...options, folder });
  } finally {
    await rm(folder, { recursive: true });
  }
}
