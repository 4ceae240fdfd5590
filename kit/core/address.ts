import { isIPv4, isIPv6 } from 'node:net';

/**
 * Host and port as one authority (RFC 3986, 3.2.2): an IPv6 address is put in brackets. Every address that is shown, sent
 * or connected to as text is written by this function.
 *
 * @param host a name or an IP address without brackets
 */
export const authorityOf = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;

/** The URL of a plain HTTP server. @param path begins with `/`; empty by default */
export const httpUrl = (host: string, port: number, path = ''): string =>
  `http://${authorityOf(host, port)}${path}`;

/** The URL of an instance of a service. @param path begins with `/`; empty by default */
export const instanceUrl = (
  { host, port, tls }: { readonly host: string; readonly port: number; readonly tls?: boolean | undefined },
  path = '',
): string => (tls ? `https://${authorityOf(host, port)}${path}` : httpUrl(host, port, path));

/**
 * One text for all spellings of a host: names in lower case, IPv6 addresses in their shortest form (RFC 5952), and
 * `localhost` as the loopback address that it resolves to.
 */
export function canonicalHost(host: string): string {
  if (isIPv4(host)) return host;
  if (isIPv6(host)) return URL.parse(`http://[${host}]/`)?.hostname.slice(1, -1) ?? host;
  const name = host.toLowerCase();
  return name === 'localhost' ? '127.0.0.1' : name;
}
