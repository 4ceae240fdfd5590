import { BlockList, isIP } from 'node:net';
import type { IncomingRequest } from '../http1/message';
import { isAuthority } from '../http1/target';
import type { ClientOrigin } from '../model/request-context';

/** The connection a request came by. */
export interface Arrival {
  readonly address: string;
  readonly secure: boolean;
  /** Whether the address is that of a proxy whose word counts. */
  readonly trusted: boolean;
  /** Of the request before, so that it need not be made again for the next. */
  lastOrigin: ClientOrigin | null;
}

/** Tells whether what an address says about the client before it is believed. */
export type TrustedProxies = (address: string) => boolean;

/** @param entries addresses or subnets (`10.0.0.0/8`); @throws when one is neither */
export function trustedProxies(entries: readonly string[]): TrustedProxies {
  if (entries.length === 0) return () => false;
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.trim().split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(address) === 0)
      throw new Error(`TRUSTED_PROXIES: "${entry}" is neither an address nor a subnet`);
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

export function originOf(request: IncomingRequest, arrival: Arrival, trusted: TrustedProxies): ClientOrigin {
  const { address, lastOrigin } = arrival;
  const protocol = arrival.secure ? 'https' : 'http';
  if (!arrival.trusted) {
    // One connection asks for one host, mostly.
    if (lastOrigin !== null && lastOrigin.host === request.host) return lastOrigin;
    const origin = originFrom(address, address, protocol, request.host);
    arrival.lastOrigin = origin;
    return origin;
  }
  const claims = claimsOf(request);
  const chain = believed([...claims.addresses, address], trusted);
  return originFrom(
    chain[0] ?? address,
    chain.join(', '),
    claims.protocol ?? protocol,
    claims.host ?? request.host,
  );
}

/** @param forwardedFor the believed client first, then the proxies it came through */
function originFrom(
  address: string,
  forwardedFor: string,
  protocol: 'http' | 'https',
  host: string | null,
): ClientOrigin {
  // RFC 7239: what holds a colon must be quoted.
  const node = address.includes(':') ? `"[${address}]"` : address;
  const forwarded = `for=${node}${host === null ? '' : `;host="${host}"`};proto=${protocol}`;
  const forwardedFields: [string, string][] = [
    ['X-Forwarded-For', forwardedFor],
    ['X-Forwarded-Proto', protocol],
    ...(host === null ? [] : [['X-Forwarded-Host', host] satisfies [string, string]]),
    ['Forwarded', forwarded],
  ];
  const forwardedLines = forwardedFields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return { address, protocol, host, forwardedFields, forwardedLines };
}

interface Claims {
  addresses: string[];
  protocol: 'http' | 'https' | null;
  host: string | null;
}

/** From `X-Forwarded-*`; from `Forwarded` (RFC 7239) where those are missing. */
function claimsOf(request: IncomingRequest): Claims {
  const values = new Map<string, string>();
  for (const [name, value] of request.head.headers) {
    const key = name.toLowerCase();
    if (!CLAIMS.has(key) || request.connectionOptions?.has(key)) continue;
    const before = values.get(key);
    values.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  const forwarded = (values.get('forwarded') ?? '').split(',').map(forwardedElement);
  const nearest = forwarded[forwarded.length - 1];
  const addresses =
    values.get('x-forwarded-for')?.split(',') ?? forwarded.map((element) => element.get('for') ?? '');
  const protocol = lastOf(values.get('x-forwarded-proto')) ?? nearest?.get('proto');
  const host = lastOf(values.get('x-forwarded-host')) ?? nearest?.get('host');
  return {
    addresses: addresses.map(bareAddress),
    protocol: protocol === 'http' || protocol === 'https' ? protocol : null,
    host: host !== undefined && isAuthority(host) ? host : null,
  };
}

const CLAIMS = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded']);

const lastOf = (list: string | undefined) => list?.slice(list.lastIndexOf(',') + 1).trim();

function forwardedElement(element: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of element.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0)
      pairs.set(
        pair.slice(0, equals).trim().toLowerCase(),
        pair
          .slice(equals + 1)
          .trim()
          .replaceAll('"', ''),
      );
  }
  return pairs;
}

/** Without blanks, IPv6 brackets and port. */
function bareAddress(text: string): string {
  const trimmed = text.trim();
  if (trimmed.startsWith('[')) return trimmed.slice(1, Math.max(trimmed.indexOf(']'), 1));
  const [host = '', , ...more] = trimmed.split(':');
  return more.length > 0 ? trimmed : host;
}

/** From the right: all trusted proxies, up to and including the first address that is not one. */
function believed(chain: readonly string[], trusted: TrustedProxies): string[] {
  const result: string[] = [];
  for (const address of chain.toReversed()) {
    if (isIP(address) === 0) break;
    result.unshift(address);
    if (!trusted(address)) break;
  }
  return result;
}
