import { BlockList, isIP } from 'node:net';
import type { IncomingRequest } from '../http1/message';
import { isAuthority } from '../http1/target';
import type { ClientOrigin } from '../model/request-context';

/** The peer of a client connection. */
export interface ClientPeer {
  readonly address: string;
  /** Whether the connection uses TLS. */
  readonly secure: boolean;
  /** Whether it is a trusted proxy, whose forwarding headers are used. */
  readonly trusted: boolean;
  /** Origin of the previous request, reused for the next one. */
  cachedOrigin: ClientOrigin | null;
}

/** Whether the forwarding headers sent by an address are trusted. */
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

/** The origin of a request; forwarding headers are used only when the peer is a trusted proxy. */
export function originOf(
  request: IncomingRequest,
  peer: ClientPeer,
  isTrusted: TrustedProxies,
): ClientOrigin {
  const { address, cachedOrigin } = peer;
  const protocol = peer.secure ? 'https' : 'http';
  if (!peer.trusted) {
    // Requests of one connection nearly always name the same host.
    if (cachedOrigin !== null && cachedOrigin.host === request.host) return cachedOrigin;
    const origin = createOrigin({
      address,
      forwardedFor: address,
      protocol,
      host: request.host,
      prefix: '',
    });
    peer.cachedOrigin = origin;
    return origin;
  }
  const forwarded = forwardedIn(request);
  const chain = trustedChain([...forwarded.addresses, address], isTrusted);
  return createOrigin({
    address: chain[0] ?? address,
    forwardedFor: chain.join(', '),
    protocol: forwarded.protocol ?? protocol,
    host: forwarded.host ?? request.host,
    prefix: forwarded.prefix,
  });
}

/** @param forwardedFor the client first, then the proxies its request passed through */
function createOrigin({
  address,
  forwardedFor,
  protocol,
  host,
  prefix,
}: Pick<ClientOrigin, 'address' | 'protocol' | 'host' | 'prefix'> & { forwardedFor: string }): ClientOrigin {
  // RFC 7239: values with a colon must be quoted.
  const node = address.includes(':') ? `"[${address}]"` : address;
  const forwarded = `for=${node}${host === null ? '' : `;host="${host}"`};proto=${protocol}`;
  const forwardedFields: [string, string][] = [
    ['X-Forwarded-For', forwardedFor],
    ['X-Forwarded-Proto', protocol],
    ...(host === null ? [] : [['X-Forwarded-Host', host] satisfies [string, string]]),
    ['Forwarded', forwarded],
  ];
  const forwardedLines = forwardedFields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return { address, protocol, host, prefix, forwardedFields, forwardedLines };
}

interface Forwarded {
  addresses: string[];
  protocol: 'http' | 'https' | null;
  host: string | null;
  prefix: string;
}

/** From `X-Forwarded-*`, or from `Forwarded` (RFC 7239) where those are missing. */
function forwardedIn(request: IncomingRequest): Forwarded {
  const values = new Map<string, string>();
  for (const [name, value] of request.head.headers) {
    const key = name.toLowerCase();
    if (!FORWARDING_FIELDS.has(key) || request.connectionOptions?.has(key)) continue;
    const before = values.get(key);
    values.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  const elements = (values.get('forwarded') ?? '').split(',').map(forwardedElement);
  const nearest = elements[elements.length - 1];
  const addresses =
    values.get('x-forwarded-for')?.split(',') ?? elements.map((element) => element.get('for') ?? '');
  const protocol = lastOf(values.get('x-forwarded-proto')) ?? nearest?.get('proto');
  const host = lastOf(values.get('x-forwarded-host')) ?? nearest?.get('host');
  return {
    addresses: addresses.map(bareAddress),
    protocol: SCHEMES.get(protocol?.toLowerCase() ?? '') ?? null,
    host: host !== undefined && isAuthority(host) ? host : null,
    prefix: joinedPrefixes(values.get('x-forwarded-prefix')),
  };
}

/** The schemes a proxy may name; some name that of a WebSocket. Schemes are case-insensitive (RFC 3986, 3.1). */
const SCHEMES: ReadonlyMap<string, 'http' | 'https'> = new Map([
  ['http', 'http'],
  ['https', 'https'],
  ['ws', 'http'],
  ['wss', 'https'],
]);

const FORWARDING_FIELDS = new Set([
  ...['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-prefix'],
  'forwarded',
]);

const MAX_PREFIX_CHARACTERS = 256;

/** Each proxy appends what it has cut, the outermost first. Empty unless every part is a plain path. */
function joinedPrefixes(list: string | undefined): string {
  if (list === undefined || list.length > MAX_PREFIX_CHARACTERS) return '';
  const parts = list.split(',').map((part) => part.trim().replace(/\/$/, ''));
  return parts.every((part) => part === '' || isPlainPath(part)) ? parts.join('') : '';
}

/** Segments of unreserved characters (RFC 3986, 2.3), none of them only of dots: it becomes part of Location fields. */
const isPlainPath = (text: string) =>
  text.startsWith('/') &&
  text
    .slice(1)
    .split('/')
    .every((segment) => /^[A-Za-z0-9._~-]+$/.test(segment) && !/^\.+$/.test(segment));

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

/** Without whitespace, IPv6 brackets and port. */
function bareAddress(text: string): string {
  const trimmed = text.trim();
  if (trimmed.startsWith('[')) return trimmed.slice(1, Math.max(trimmed.indexOf(']'), 1));
  const [host = '', , ...more] = trimmed.split(':');
  return more.length > 0 ? trimmed : host;
}

/** From the right: all trusted proxies, up to and including the first address that is not one. */
function trustedChain(chain: readonly string[], isTrusted: TrustedProxies): string[] {
  const result: string[] = [];
  for (const address of chain.toReversed()) {
    if (isIP(address) === 0) break;
    result.unshift(address);
    if (!isTrusted(address)) break;
  }
  return result;
}
