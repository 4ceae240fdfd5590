import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { MysqlAddress } from '#kit/mysql/database';
import { migrateDatabase } from '#kit/mysql/migrations';

const log = pino({ level: 'silent' });
const { signal } = new AbortController();

/** Migrates to the newest version. @param service the name of its folder */
export const migrateFully = (address: MysqlAddress, service: string): Promise<void> =>
  migrateDatabase({ address, folder: migrationsOf(service), log, signal });

/** Applies the first migrations of a service only, for tests of the ones after them. */
export async function migrateUpTo(address: MysqlAddress, service: string, count: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rookery-migrations-'));
  try {
    await cp(migrationsOf(service), folder, { recursive: true });
    const path = join(folder, 'meta', '_journal.json');
    const journal = JSON.parse(await readFile(path, 'utf8')) as { entries: unknown[] };
    await writeFile(path, JSON.stringify({ ...journal, entries: journal.entries.slice(0, count) }));
    await migrateDatabase({ address, folder, log, signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const migrationsOf = (service: string) =>
  join(import.meta.dir, '..', '..', 'services', service, 'migrations');
