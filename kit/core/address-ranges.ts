import { BlockList, isIP } from 'node:net';
import { isAddressRange } from '../config/ranges';

/**
 * Whether an address is in one of some ranges. An IPv4 address in an IPv6 one (`::ffff:10.0.0.1`) counts as IPv4.
 *
 * @throws when a range is none
 */
export function addressRanges(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const range of ranges) {
    if (!isAddressRange(range)) throw new Error('Not an address, or a range of addresses');
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (text) => {
    const address = text.toLowerCase().startsWith('::ffff:') && text.includes('.') ? text.slice(7) : text;
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
}
