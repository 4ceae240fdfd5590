import { createLogger } from '#kit/core/log';
import { migrateDatabase } from '#kit/mysql/migrations';
import { readState } from '../infra/state';
import { databaseOf, servicesWithDatabase } from './databases';

/**
 * Migrates the database of every service. The services do so themselves when they start; this runs it ahead of them.
 *
 * @returns the number of databases
 */
export async function migrateAll(source: NodeJS.ProcessEnv, signal: AbortSignal): Promise<number> {
  const log = await createLogger({ name: 'migrate', level: 'warn' });
  const services = servicesWithDatabase();
  await Promise.all(
    services.map(({ name, migrations }) =>
      migrateDatabase({ address: databaseOf(name, source), folder: migrations, log, signal }),
    ),
  );
  return services.length;
}

/** Migrates with the settings of the environment; of the running system of `make up` where there is one. */
export async function migrateConfigured(): Promise<void> {
  const source = { ...readState()?.environment, ...process.env };
  const count = await migrateAll(source, AbortSignal.timeout(120_000));
  console.log(`${count} databases are up to date`);
}
