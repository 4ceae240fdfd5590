import { credentialsOf } from '../config/urls';

/** A host and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** How the servers that have the data are reached: the same for all. */
export interface Access {
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
  readonly database?: number;
}

/** What REDIS_URL names (`kit/config/redis-url`). */
export type RedisAddress = { readonly access: Access } & (
  | { readonly kind: 'server'; readonly server: HostPort }
  | { readonly kind: 'cluster'; readonly nodes: readonly HostPort[] }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly HostPort[]; readonly master: string }
);

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

/** Parses a valid REDIS_URL. */
export function parseRedisAddress(text: string): RedisAddress {
  const urls = text.split(',').map((part) => new URL(part.trim()));
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

function hostPort({ hostname, port }: URL, defaultPort: number): HostPort {
  return { host: withoutBrackets(hostname), port: port === '' ? defaultPort : Number(port) };
}

/** An IPv6 address stands in brackets in a URL. */
export const withoutBrackets = (host: string): string =>
  host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
