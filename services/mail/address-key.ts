import { parseEmail } from '#kit/text/email';
import { clip } from '#kit/text/graphemes';
import { identityKey } from '#kit/text/identity';

/** Code points of the columns that hold keys. */
export const KEY_LENGTH = 512;

/** Identifies an address; also one that no server can deliver to, which is recorded as well. */
export const addressKey = (address: string): string =>
  parseEmail(address)?.key ?? clip(identityKey(address, 'ignore'), KEY_LENGTH, (part) => [...part].length);

/**
 * Identifies the mailbox for counting: `ada+news@example.com` is delivered to `ada@example.com` at most providers (RFC 5233
 * subaddresses), so that one person's mailbox could be flooded through many accounts.
 */
export function mailboxKey(address: string): string {
  const key = addressKey(address);
  const at = key.lastIndexOf('@');
  const plus = key.indexOf('+');
  return plus > 0 && plus < at ? key.slice(0, plus) + key.slice(at) : key;
}
