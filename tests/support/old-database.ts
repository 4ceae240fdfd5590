import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrateDatabase } from '#kit/mysql/migrations';
import { testDatabase, testRuntime } from './servers';

const ROOT = join(import.meta.dir, '../..');

/**
 * A service's database as an earlier version left it: only the migrations up to `lastTag` are applied.
 *
 * @returns the database, and `migrate`, which applies the rest as the current version does when it starts
 */
export async function oldDatabase(service: string, lastTag: string) {
  const storage = await testDatabase();
  const folder = join(ROOT, 'services', service, 'migrations');
  const { log, closing: signal } = testRuntime(service);
  const migrateFrom = (from: string) =>
    migrateDatabase({ address: storage.address, folder: from, log, signal });

  const old = await mkdtemp(join(tmpdir(), 'migrations-'));
  await cp(folder, old, { recursive: true });
  const journalFile = join(old, 'meta/_journal.json');
  const journal = JSON.parse(await readFile(journalFile, 'utf8')) as { entries: { tag: string }[] };
  const last = journal.entries.findIndex(({ tag }) => tag === lastTag);
  if (last === -1) throw new Error(`${service} has no migration ${lastTag}`);
  await writeFile(journalFile, JSON.stringify({ ...journal, entries: journal.entries.slice(0, last + 1) }));
  await migrateFrom(old);
  await rm(old, { recursive: true });
  return { ...storage, migrate: () => migrateFrom(folder) };
}
