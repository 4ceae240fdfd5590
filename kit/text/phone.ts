import { parsePhoneNumberFromString } from 'libphonenumber-js/min';

/**
 * Reads a phone number in international form and returns it as E.164 (`+4930123456`), which identifies it.
 *
 * @returns null for anything that libphonenumber does not hold for a possible number of its country
 */
export function parsePhoneNumber(typed: string): string | null {
  if (!typed.trim().startsWith('+')) return null;
  const number = parsePhoneNumberFromString(typed);
  return number?.isValid() ? number.number : null;
}
