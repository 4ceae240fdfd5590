import { isIP } from 'node:net';
import type { Field } from './environment';

/** Loopback, in both families. */
export const LOOPBACK_RANGES: readonly string[] = ['127.0.0.0/8', '::1'];

/** Comma-separated addresses, and ranges of addresses like `10.0.0.0/8`; see `kit/core/address-ranges`. */
export const addressList = (fallback: readonly string[]): Field<readonly string[]> => ({
  parse(value) {
    const parts = value.split(',').map((part) => part.trim());
    return parts.every(isAddressRange)
      ? parts
      : { problem: 'must be addresses, or ranges like 10.0.0.0/8, separated by commas' };
  },
  fallback,
});

/** Whether a text is an address, or a range like `10.0.0.0/8`. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
