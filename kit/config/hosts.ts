import { isIPv6 } from 'node:net';
import type { Field, Rejection } from './environment';

/** Where a server listens. */
export interface ServerAddress {
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** A server in a list, whose port may be that of the others. */
export interface ListedHost {
  readonly host: string;
  readonly port?: number;
}

/** One server, or several separated by commas: `host`, `host:port`, `[::1]:port`. Each is named once. */
export function hosts(fallback: string): Field<readonly ListedHost[]> {
  return { parse: parseHosts, fallback: [{ host: fallback }] };
}

function parseHosts(value: string): readonly ListedHost[] | Rejection {
  const listed: ListedHost[] = [];
  for (const part of value.split(',')) {
    const host = parseHost(part.trim());
    if (host === undefined)
      return { problem: 'must be hosts like jobs-1 or jobs-1:11300 separated by commas' };
    if (listed.some((other) => other.host === host.host && other.port === host.port))
      return { problem: 'must name each server once' };
    listed.push(host);
  }
  return listed;
}

function parseHost(part: string): ListedHost | undefined {
  if (isIPv6(part)) return { host: part };
  // A scheme without a default port: none is left out of the parsed URL.
  const parsed = URL.parse(`tcp://${part}`);
  if (parsed === null || parsed.hostname === '' || parsed.host !== part || parsed.port === '0')
    return undefined;
  const host = parsed.hostname.replace('[', '').replace(']', '');
  return parsed.port === '' ? { host } : { host, port: Number(parsed.port) };
}
