import { type TString, Type } from '@sinclair/typebox';
import { text } from './schema';

/**
 * Code units, sixteen for each grapheme: a family emoji has eleven. For a password that is only checked as well: the limit
 * in graphemes has changed, and an old password must still get in.
 */
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
  text({ min: 8, max: 256, maxUnits: MAX_UNITS }, { examples: ['correct horse battery staple'] });

/** The schema of a password that is checked against a stored one. */
export const typedPassword = (): TString =>
  Type.String({ minLength: 1, maxLength: MAX_UNITS, examples: ['correct horse battery staple'] });
