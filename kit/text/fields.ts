import { FormatRegistry, type StringOptions, type TString, Type } from '@sinclair/typebox';
import { parseEmail } from './email';
import { parsePhoneNumber } from './phone';
import { lineOfText, text } from './schema';
import { MAX_WEB_URL_UNITS, parseWebUrl } from './web-url';

/** The schema of a username that is registered: it is part of URLs and mentions. */
export const newUsername = (): TString =>
  Type.String({
    pattern: '^[A-Za-z0-9_]{3,30}$',
    error: '3 to 30 letters, digits or underscores',
    examples: ['alice'],
  });

/** The schema of the name that a person goes by. The events that publish it hold no more than 200 code units. */
export const displayName = (): TString => lineOfText({ max: 80, maxUnits: 200 });

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

/** The schema of a username or an email address that is looked up: whether it is one of somebody decides the look-up. */
export const typedName = (): TString =>
  text({ max: MAX_EMAIL_UNITS, maxUnits: MAX_EMAIL_UNITS }, { examples: ['alice'] });

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

/** The longest tag that RFC 5646, section 4.4.1, wants to be supported. */
const MAX_LANGUAGE_TAG_UNITS = 35;

/** The schema of a BCP 47 language tag. */
export const languageTag = (options: StringOptions = {}): TString =>
  checkedString('language-tag', isLanguageTag, {
    maxLength: MAX_LANGUAGE_TAG_UNITS,
    error: 'A language tag, for example en',
    examples: ['en'],
    ...options,
  });

function isLanguageTag(value: string): boolean {
  try {
    return Intl.getCanonicalLocales(value).length === 1;
  } catch {
    return false;
  }
}

/** The schema of a web address, which may be put into a page as it is. */
export const webUrl = (options: StringOptions = {}): TString =>
  checkedString('web-url', (value) => parseWebUrl(value) !== null, {
    maxLength: MAX_WEB_URL_UNITS,
    error: 'An http or https URL without credentials',
    examples: ['https://example.com/picture.png'],
    ...options,
  });

/** A string that `isValid` accepts; a format of the same name is registered once. */
export function checkedString(
  format: string,
  isValid: (value: string) => boolean,
  options: StringOptions,
): TString {
  if (!FormatRegistry.Has(format)) FormatRegistry.Set(format, isValid);
  return Type.String({ ...options, format });
}
