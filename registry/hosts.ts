import { BlockList, isIP, isIPv4 } from 'node:net';

/** Loopback and the private ranges of RFC 1918 and RFC 4193: where a development machine's services live. */
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
 * Never a service, whatever the allow-list says: unspecified, link-local, multicast, broadcast, and the addresses
 * under which clouds hand out credentials (AWS and GCP over IPv6, Alibaba, Oracle, Azure).
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

/** IPv6 addresses that carry an IPv4 address inside (mapped, NAT64, 6to4): a way around the rules for IPv4. */
const CARRIES_IPV4 = ['::ffff:0:0/96', '64:ff9b::/96', '2002::/16'];

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** Why a host is refused, as a sentence; undefined when it may register. */
export type HostRule = (host: string) => string | undefined;

/**
 * Decides which hosts may register, so that nobody makes the gateway call addresses of their choosing.
 *
 * @param allowed addresses, ranges (`10.0.0.0/8`), names (`users.internal`) and suffixes (`*.svc.cluster.local`).
 *   A name that is allowed is trusted to resolve to something allowed.
 */
export function createHostRule(allowed: readonly string[]): HostRule {
  const refusedAddresses = addressList(REFUSED_ADDRESSES);
  const carriers = addressList(CARRIES_IPV4);
  const allowedAddresses = addressList(allowed.filter(isAddressOrRange));
  const names = allowed.filter((entry) => !isAddressOrRange(entry)).map((entry) => entry.toLowerCase());

  return (host) => {
    const family = isIP(host);
    if (family !== 0) {
      const type = family === 4 ? 'ipv4' : 'ipv6';
      const isRefused = refusedAddresses.check(host, type) || (family === 6 && carriers.check(host, type));
      if (isRefused) return 'Addresses of this kind are never accepted.';
      return allowedAddresses.check(host, type) ? undefined : 'This address is not on the allow-list.';
    }
    if (!HOST_NAME.test(host) || isDisguisedAddress(host))
      return 'Send a lower-case host name or a plain IP address.';
    if (REFUSED_NAMES.has(host)) return 'Hosts of this kind are never accepted.';
    return names.some((name) => nameMatches(name, host)) ? undefined : 'This host is not on the allow-list.';
  };
}

/** The entry of an allow-list that cannot be read, if any. */
export const unreadableHost = (entries: readonly string[]): string | undefined =>
  entries.find(
    (entry) => !isAddressOrRange(entry) && !HOST_NAME.test(entry.replace(/^\*\./, '').toLowerCase()),
  );

const nameMatches = (name: string, host: string) =>
  name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;

/** `0x7f.1` and `2130706433` are addresses to a resolver, though not to `isIP`. */
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
