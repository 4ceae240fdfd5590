import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readEnv } from '#kit/config/environment';
import { mysqlFields } from '#kit/config/fields';
import { type MysqlAddress, mysqlAddress } from '#kit/mysql/address';

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

/**
 * The address of a service's database, from `<NAME>_DATABASE_URL`, `<NAME>_DB_NAME` and the shared `DB_*` variables. Where
 * each service has a database user of its own, `<NAME>_DB_USER` and `<NAME>_DB_PASSWORD` name it.
 */
export function databaseOf(service: string, source: NodeJS.ProcessEnv = process.env): MysqlAddress {
  const prefix = service.toUpperCase().replaceAll('-', '_');
  const own = (name: string) => source[`${prefix}_${name}`] || undefined;
  const name = own('DB_NAME') ?? FIXED_NAMES.get(service) ?? `rookery_${service.replaceAll('-', '_')}`;
  const user = own('DB_USER') ?? source.DB_USER;
  const password = own('DB_PASSWORD') ?? source.DB_PASSWORD;
  const env = readEnv(mysqlFields, { ...source, DB_USER: user, DB_PASSWORD: password });
  return mysqlAddress(env, name, own('DATABASE_URL'));
}
