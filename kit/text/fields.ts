import { FormatRegistry, type StringOptions, type TString, Type } from '@sinclair/typebox';
import { parseEmail } from './email';
import { parsePhoneNumber } from './phone';

/** RFC 5321, section 4.5.3.1.3, in characters; `parseEmail` counts the octets. */
const MAX_EMAIL_UNITS = 254;

/** The schema of an e-mail address that mail can be sent to, internationalized ones included (RFC 6531). */
export const emailAddress = (options: StringOptions = {}): TString =>
  checkedString('idn-email', (value) => parseEmail(value) !== null, {
    maxLength: MAX_EMAIL_UNITS,
    error: 'An email address',
    examples: ['alice@example.com'],
    ...options,
  });

/** E.164 has 15 digits; the rest is punctuation and an extension. */
const MAX_PHONE_NUMBER_UNITS = 40;

/** The schema of a phone number in international form. Store what `parsePhoneNumber` makes of it. */
export const phoneNumber = (options: StringOptions = {}): TString =>
  checkedString('phone-number', (value) => parsePhoneNumber(value) !== null, {
    maxLength: MAX_PHONE_NUMBER_UNITS,
    error: 'A phone number with its country code, for example +49 30 123456',
    examples: ['+49 30 123456'],
    ...options,
  });

/** A string that `isValid` accepts; a format of the same name is registered once. */
function checkedString(format: string, isValid: (value: string) => boolean, options: StringOptions): TString {
  if (!FormatRegistry.Has(format)) FormatRegistry.Set(format, isValid);
  return Type.String({ ...options, format });
}
