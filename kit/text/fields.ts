import { FormatRegistry, type StringOptions, type TString, Type } from '@sinclair/typebox';
import { parseEmail } from './email';

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

/** A string that `isValid` accepts; a format of the same name is registered once. */
function checkedString(format: string, isValid: (value: string) => boolean, options: StringOptions): TString {
  if (!FormatRegistry.Has(format)) FormatRegistry.Set(format, isValid);
  return Type.String({ ...options, format });
}
