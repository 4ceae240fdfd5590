import { parseEmail } from '#kit/text/email';
import { clip } from '#kit/text/graphemes';
import { identityKey } from '#kit/text/identity';

/** Code points of the columns that hold keys. */
export const KEY_LENGTH = 512;

/** Identifies a mailbox; also of an address that no server can deliver to, which is recorded as well. */
export const addressKey = (address: string): string =>
  parseEmail(address)?.key ?? clip(identityKey(address, 'ignore'), KEY_LENGTH, (part) => [...part].length);
