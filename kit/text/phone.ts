import { parsePhoneNumberFromString } from 'libphonenumber-js/min';

/** Digits of any script and the punctuation between them. The library reads past everything else: an extension, a name. */
const WRITTEN_NUMBER = /^[+＋][\p{Nd}\p{Zs}()（）./．／\-－\u2010-\u2015]*$/u;

/**
 * Reads a phone number in international form and returns it as E.164 (`+4930123456`), which identifies it.
 *
 * @returns null for a text that is more than a number, and for anything that libphonenumber does not hold for a possible
 *   number of its country
 */
export function parsePhoneNumber(typed: string): string | null {
  const written = typed.trim();
  if (!WRITTEN_NUMBER.test(written)) return null;
  const number = parsePhoneNumberFromString(written.replace('＋', '+'), { extract: false });
  return number?.isValid() && number.ext === undefined ? number.number : null;
}
