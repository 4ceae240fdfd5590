/**
 * Characters without a glyph: white space, controls, what renderers ignore by default (UAX #44: format characters,
 * variation selectors, Hangul fillers U+115F, U+1160, U+3164, U+FFA0), private-use code points, combining marks, which are
 * invisible without a base, and the Braille pattern, the hieroglyphs and the notehead that are blank. Not unassigned code
 * points: they may be tomorrow's emoji.
 */
const INVISIBLE =
  /^[\p{White_Space}\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{M}\p{Default_Ignorable_Code_Point}\u2800\u{13441}\u{13442}\u{1d159}]*$/u;

/** Whether a text shows nothing to its reader. */
export const isBlank = (text: string): boolean => INVISIBLE.test(text);

/** Control characters other than line breaks and tab, and code points that will never be characters. */
const UNPRINTABLE = /[^\P{Cc}\n\r\t]|\p{Noncharacter_Code_Point}/u;

/** Whether a text holds something that can be neither shown nor stored as text. */
export const hasUnprintable = (text: string): boolean => UNPRINTABLE.test(text) || !text.isWellFormed();

/**
 * Whether a text has characters that change the direction of what is written around it (UAX #9): embeddings, overrides and
 * isolates. In a name they turn the sentence that it is shown in into another one.
 */
export const hasDirectionControl = (text: string): boolean => /[\u202a-\u202e\u2066-\u2069]/u.test(text);

/** A text on one line: line breaks, tabs and what cannot be shown become one space, none at the ends. */
export const toLine = (text: string): string =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]+/gu, ' ').trim();
