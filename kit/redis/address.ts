import { type ServerAddress, withoutBrackets } from '../config/hosts';
import { REDIS_SCHEMES } from '../config/redis-url';
import { credentialsOf, urlsIn } from '../config/urls';

/** How the servers that have the data are reached: the same for all. */
export interface Access {
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
  readonly database?: number;
}

/** What REDIS_URL names (`kit/config/redis-url`). */
export type RedisAddress = { readonly access: Access } & (
  | { readonly kind: 'server'; readonly server: ServerAddress }
  | { readonly kind: 'cluster'; readonly nodes: readonly ServerAddress[] }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly ServerAddress[]; readonly master: string }
);

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

/** Parses a valid REDIS_URL. */
export function parseRedisAddress(text: string): RedisAddress {
  const urls = urlsIn(text, REDIS_SCHEMES).map((part) => new URL(part));
  const [first] = urls;
  if (first === undefined) throw new Error('No URL of Redis');
  const [scheme = '', kind] = first.protocol.slice(0, -1).split('+');
  const path = decodeURIComponent(first.pathname.slice(1));
  const { user, password } = credentialsOf(first.href);
  const access: Access = {
    tls: scheme === 'rediss',
    ...(user !== '' && { username: user }),
    ...(password !== '' && { password }),
    ...(kind === undefined && path !== '' && { database: Number(path) }),
  };
  if (kind === 'cluster') return { kind, access, nodes: urls.map((url) => hostPort(url, DEFAULT_PORT)) };
  if (kind === 'sentinel')
    return {
      kind,
      access,
      sentinels: urls.map((url) => hostPort(url, DEFAULT_SENTINEL_PORT)),
      master: path,
    };
  return { kind: 'server', access, server: hostPort(first, DEFAULT_PORT) };
}

function hostPort({ hostname, port }: URL, defaultPort: number): ServerAddress {
  return { host: withoutBrackets(hostname), port: port === '' ? defaultPort : Number(port) };
}
