import ipaddr from 'ipaddr.js';

/** Names by which a resolver, or the host itself, is reached whatever the DNS says (RFC 6761, RFC 6762, RFC 9476). */
const PRIVATE_SUFFIXES = [
  'localhost',
  'local',
  'internal',
  'intranet',
  'home.arpa',
  'lan',
  'corp',
  'home',
  'alt',
];
/** Instance metadata of a cloud at an address that is public by its range (Azure). */
const METADATA_ADDRESSES = new Set(['168.63.129.16']);

/**
 * Whether an address is one of the public Internet. Not so: private, loopback, link-local, shared (CGNAT), multicast,
 * unspecified, documentation, benchmark and reserved ranges, and IPv6 addresses that embed an IPv4 address (mapped,
 * compatible, NAT64, 6to4, Teredo), wherever that leads (IANA special-purpose registries, RFC 6890).
 *
 * @param address in the canonical form of a resolver or of `URL`, without brackets; anything else is not public
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || METADATA_ADDRESSES.has(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  // The only global unicast range so far (RFC 4291, section 2.5.4).
  return parsed.kind() === 'ipv4' || parsed.match(ipaddr.parse('2000::'), 3);
}

/**
 * Whether a host name may be one of the public Internet: it has a dot, and is not of a private domain.
 *
 * @param name in lower case, in its ASCII form, without a dot at the end
 */
export const isPublicName = (name: string): boolean =>
  name.includes('.') && !PRIVATE_SUFFIXES.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
