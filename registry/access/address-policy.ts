import { BlockList, isIP, isIPv4 } from 'node:net';

/** Loopback and the private ranges of RFC 1918 and RFC 4193: the default in development. */
export const DEVELOPMENT_HOSTS = [
  'localhost',
  '127.0.0.0/8',
  '::1',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
];

/**
 * Refused whatever the allow-list says: unspecified, link-local, multicast, broadcast, and the instance metadata
 * addresses from which clouds serve credentials (AWS and GCP over IPv6, Alibaba, Oracle, Azure).
 */
const REFUSED_ADDRESSES = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255',
  '100.100.100.200',
  '192.0.0.192',
  '168.63.129.16',
  '::',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254',
  'fd20:ce::254',
];
const REFUSED_NAMES = new Set(['metadata', 'metadata.google.internal', 'instance-data']);

/** IPv6 ranges that embed an IPv4 address (mapped, NAT64, 6to4) and would bypass the IPv4 rules. */
const EMBEDDED_IPV4 = ['::ffff:0:0/96', '64:ff9b::/96', '2002::/16'];

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** The reason a host is refused, as a sentence; undefined when it may register. */
export type AddressPolicy = (host: string) => string | undefined;

/**
 * Decides which hosts may register, so that no registration makes the gateway call arbitrary addresses (SSRF).
 *
 * @param allowed addresses, ranges (`10.0.0.0/8`), names (`users.internal`) and suffixes (`*.svc.cluster.local`).
 *   An allowed name is trusted to resolve to an allowed address.
 */
export function createAddressPolicy(allowed: readonly string[]): AddressPolicy {
  const refusedAddresses = addressList(REFUSED_ADDRESSES);
  const embedding = addressList(EMBEDDED_IPV4);
  const allowedAddresses = addressList(allowed.filter(isAddressOrRange));
  const names = allowed.filter((entry) => !isAddressOrRange(entry)).map((entry) => entry.toLowerCase());

  return (host) => {
    const family = isIP(host);
    if (family !== 0) {
      const type = family === 4 ? 'ipv4' : 'ipv6';
      const isRefused = refusedAddresses.check(host, type) || (family === 6 && embedding.check(host, type));
      if (isRefused) return 'This address is in a reserved range and is always refused.';
      return allowedAddresses.check(host, type) ? undefined : 'This address is not on the allow-list.';
    }
    if (!HOST_NAME.test(host) || isDisguisedAddress(host))
      return 'Send a lower-case host name or a plain IP address.';
    if (REFUSED_NAMES.has(host)) return 'Instance metadata hosts are always refused.';
    return names.some((name) => nameMatches(name, host)) ? undefined : 'This host is not on the allow-list.';
  };
}

/** The first invalid entry of an allow-list, if any. */
export const invalidHostEntry = (entries: readonly string[]): string | undefined =>
  entries.find(
    (entry) => !isAddressOrRange(entry) && !HOST_NAME.test(entry.replace(/^\*\./, '').toLowerCase()),
  );

const nameMatches = (name: string, host: string) =>
  name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;

/** Resolvers take `0x7f.1` and `2130706433` for addresses, although `isIP` does not. */
function isDisguisedAddress(host: string): boolean {
  const url = URL.parse(`http://${host}/`);
  return url === null || isIPv4(url.hostname);
}

function isAddressOrRange(entry: string): boolean {
  const [address = '', prefix, ...rest] = entry.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

function addressList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const type = isIPv4(address) ? 'ipv4' : 'ipv6';
    list.addSubnet(address, prefix === undefined ? (type === 'ipv4' ? 32 : 128) : Number(prefix), type);
  }
  return list;
}
