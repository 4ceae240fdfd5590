import { isIPv6 } from 'node:net';

/**
 * The network that rate limits of anonymous clients are keyed by: an IPv4 address, or the /64 of an IPv6 address. A single
 * site gets at least a /64 (RFC 6177), so limits by IPv6 address would be ineffective.
 *
 * @returns the address itself, or `2001:db8:1:2::/64`; anything that is not an address is returned unchanged
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.toLowerCase().split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const gap = address.includes('::') ? Math.max(0, 8 - left.length - right.length) : 0;
  const groups = [...left, ...Array<string>(gap).fill('0'), ...right].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
}
