import { addressesOf, type ListedHosts, type ServerAddress, withoutBrackets } from '../config/hosts';
import { credentialsOf } from '../config/urls';

export interface MysqlAddress extends ServerAddress {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Servers that are written to while this one is away, in the order of preference. */
  readonly standbys?: readonly ServerAddress[];
}

/**
 * The address of a service's database: `<NAME>_DATABASE_URL` when set, otherwise the variables of the shared servers.
 *
 * @throws TypeError when the URL is invalid
 */
export function mysqlAddress(
  env: { DB_HOST: ListedHosts; DB_PORT: number; DB_USER: string; DB_PASSWORD: string },
  database: string,
  databaseUrl?: string,
): MysqlAddress {
  if (databaseUrl === undefined) {
    const [first, ...standbys] = addressesOf(env.DB_HOST, env.DB_PORT);
    const address = { ...first, user: env.DB_USER, password: env.DB_PASSWORD, database };
    return standbys.length === 0 ? address : { ...address, standbys };
  }
  const url = new URL(databaseUrl);
  return {
    host: withoutBrackets(url.hostname),
    port: Number(url.port || 3306),
    ...credentialsOf(databaseUrl),
    database: decodeURIComponent(url.pathname.slice(1)),
  };
}
