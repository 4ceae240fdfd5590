import { randomBytes } from 'node:crypto';
import { isField } from '../http1/field-lines';
import type { HeaderList } from '../http1/message';

/** The pseudonym of this process in `Via` (RFC 9110, 7.6.3): an address would reveal the inside. */
const PSEUDONYM = `rookery-${randomBytes(6).toString('hex')}`;

const LINES = { '1.0': `Via: 1.0 ${PSEUDONYM}\r\n`, '1.1': `Via: 1.1 ${PSEUDONYM}\r\n` };

/** The line added to a forwarded message, after those of the proxies before. @param httpVersion it was received with */
export const viaLine = (httpVersion: '1.0' | '1.1'): string => LINES[httpVersion];

/**
 * Whether a request was forwarded by this process before: an instance forwards to the gateway, or is the gateway. Of
 * several processes each forwards such a request once at most.
 */
export function isLoop(headers: HeaderList): boolean {
  for (const [name, value] of headers)
    if (name.length === 3 && isField(name, 'Via') && value.includes(PSEUDONYM)) return true;
  return false;
}
