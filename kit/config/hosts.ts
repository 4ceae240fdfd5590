import { isIPv6 } from 'node:net';
import type { Field, Rejection } from './environment';

/** Where a server listens. */
export interface ServerAddress {
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The host of a URL, in which an IPv6 address stands in brackets. */
export const withoutBrackets = (host: string): string =>
  host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;

/** A server in a list, whose port may be that of the others. */
export interface ListedHost {
  readonly host: string;
  readonly port?: number;
}

/** One server or more. */
export type ListedHosts = readonly [ListedHost, ...ListedHost[]];

/** One server, or several separated by commas: `host`, `host:port`, `[::1]:port`. Each is named once. */
export function hosts(fallback: string): Field<ListedHosts> {
  return { parse: parseHosts, fallback: [{ host: fallback }] };
}

/**
 * The addresses of listed servers, in their order.
 *
 * @param port of those without one
 */
export const addressesOf = (
  [first, ...others]: ListedHosts,
  port: number,
): readonly [ServerAddress, ...ServerAddress[]] => [
  { host: first.host, port: first.port ?? port },
  ...others.map((other) => ({ host: other.host, port: other.port ?? port })),
];

const PROBLEM: Rejection = {
  problem: 'must be a host, or several separated by commas, each with :port where it differs',
};

function parseHosts(value: string): ListedHosts | Rejection {
  const listed: ListedHost[] = [];
  for (const part of value.split(',')) {
    const host = parseHost(part.trim());
    if (host === undefined) return PROBLEM;
    if (listed.some((other) => other.host === host.host && other.port === host.port))
      return { problem: 'must name each server once' };
    listed.push(host);
  }
  const [first, ...others] = listed;
  return first === undefined ? PROBLEM : [first, ...others];
}

function parseHost(part: string): ListedHost | undefined {
  if (isIPv6(part)) return { host: part };
  // A scheme without a default port: none is left out of the parsed URL.
  const parsed = URL.parse(`tcp://${part}`);
  if (parsed === null || parsed.hostname === '' || parsed.host !== part || parsed.port === '0')
    return undefined;
  const host = withoutBrackets(parsed.hostname);
  return parsed.port === '' ? { host } : { host, port: Number(parsed.port) };
}
