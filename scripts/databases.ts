import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readEnv } from '#kit/config/environment';
import { mysqlFields } from '#kit/config/fields';
import { type MysqlAddress, mysqlAddress } from '#kit/mysql/database';

const SERVICES = join(import.meta.dir, '..', 'services');

/** The services that own a database, with the folder of their migrations. */
export function servicesWithDatabase(): { name: string; migrations: string }[] {
  return readdirSync(SERVICES)
    .map((name) => ({ name, migrations: join(SERVICES, name, 'migrations') }))
    .filter(({ migrations }) => existsSync(migrations));
}

/** Two databases have fixed names that other tools of their users know; the rest are named after Rookery. */
const FIXED_NAMES = new Map([
  ['users', 'microblog_users'],
  ['timelines', 'microblog_timelines'],
]);

/** The address of a service's database, from `<NAME>_DATABASE_URL`, `<NAME>_DB_NAME` and the shared `DB_*` variables. */
export function databaseOf(service: string, source: NodeJS.ProcessEnv = process.env): MysqlAddress {
  const prefix = service.toUpperCase().replaceAll('-', '_');
  const name =
    source[`${prefix}_DB_NAME`] ?? FIXED_NAMES.get(service) ?? `rookery_${service.replaceAll('-', '_')}`;
  return mysqlAddress(readEnv(mysqlFields, source), name, source[`${prefix}_DATABASE_URL`]);
}
