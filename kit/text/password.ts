import type { TString } from '@sinclair/typebox';
import { checkedString } from './fields';
import { countGraphemes } from './graphemes';
import { text } from './schema';

const MAX_GRAPHEMES = 256;
/** Sixteen code units for each grapheme: a family emoji has eleven. */
const MAX_UNITS = 4_096;

const NON_ASCII_SPACE = /(?! )\p{Zs}/gu;

/**
 * The form in which passwords are hashed and compared: what looks the same on two keyboards is the same. RFC 8265, section
 * 4.2 (OpaqueString): every other space of Unicode becomes SPACE, then NFC; letter case and width stay.
 */
export const normalizePassword = (typed: string): string =>
  typed.replace(NON_ASCII_SPACE, ' ').normalize('NFC');

/** The schema of a password that is set: 8 to 256 graphemes. */
export const newPassword = (): TString =>
  text({ min: 8, max: MAX_GRAPHEMES, maxUnits: MAX_UNITS }, { examples: ['correct horse battery staple'] });

/** The schema of a password that is checked against a stored one, which may be of an earlier rule: any 1 to 256 graphemes. */
export const typedPassword = (): TString =>
  checkedString(
    'typed-password',
    (value) => value.length <= MAX_UNITS && countGraphemes(value) <= MAX_GRAPHEMES,
    {
      minLength: 1,
      maxLength: MAX_UNITS,
      error: `1 to ${MAX_GRAPHEMES} characters`,
      examples: ['correct horse battery staple'],
    },
  );
