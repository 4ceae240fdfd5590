import { toASCII, toUnicode } from 'tr46';
import { identityKey } from './identity';
import { hasUnprintable } from './visible';

export interface EmailAddress {
  /** As it was typed, NFC: this is shown, and mailed to. */
  readonly address: string;
  /** Identifies the mailbox: local part without regard to case, domain in its ASCII form. */
  readonly key: string;
}

/** RFC 5321, section 4.5.3.1, in octets. */
const MAX_LOCAL_BYTES = 64;
const MAX_ADDRESS_BYTES = 254;
/** RFC 5321 `Dot-string`, with the letters, marks and digits of RFC 6531. No quoted strings: no mail provider issues them; no mark without its letter. */
const ATOM = /^(?!\p{M})[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+$/u;
const DOMAIN_OPTIONS = {
  checkBidi: true,
  checkHyphens: true,
  checkJoiners: true,
  useSTD3ASCIIRules: true,
  verifyDNSLength: true,
} as const;

/**
 * Reads an e-mail address, internationalized ones included (RFC 6531; domains by UTS #46).
 *
 * @returns null for what no mail server can deliver to: invisible characters, empty labels or atoms, a domain without a
 *   dot, an address literal, a domain that IDNA does not permit
 */
export function parseEmail(typed: string): EmailAddress | null {
  const address = typed.trim().normalize('NFC');
  if (hasUnprintable(address) || /\p{Default_Ignorable_Code_Point}|\p{White_Space}/u.test(address))
    return null;
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  if (at < 1 || !local.split('.').every((atom) => ATOM.test(atom))) return null;
  const ascii = asciiDomain(domain);
  if (ascii === null || Buffer.byteLength(local) > MAX_LOCAL_BYTES) return null;
  if (Buffer.byteLength(local) + 1 + ascii.length > MAX_ADDRESS_BYTES) return null;
  return { address: `${local}@${domain}`, key: `${local.toLowerCase().normalize('NFC')}@${ascii}` };
}

/** The ASCII form of a host name (`xn--…`) in lower case; null where it is none that mail can be sent to. */
function asciiDomain(domain: string): string | null {
  const ascii = toASCII(domain, DOMAIN_OPTIONS);
  if (ascii === null || !ascii.includes('.')) return null;
  const topLevel = ascii.slice(ascii.lastIndexOf('.') + 1);
  // An IPv4 address, or something that would be taken for one.
  if (/^\d*$/.test(topLevel)) return null;
  return toUnicode(ascii, DOMAIN_OPTIONS).error ? null : ascii;
}

/**
 * The key that an account is found by, for every text: an address that `parseEmail` refuses, as accounts may still have
 * from before, is compared like any other name.
 */
export const emailKey = (address: string): string =>
  parseEmail(address)?.key ?? identityKey(address, 'ignore');
