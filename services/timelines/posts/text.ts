/** Every URL counts as 23 characters, whatever its length. */
const URL_CHARACTERS = 23;
export const URL_PATTERN = /https?:\/\/[^\s<>"]+/giu;

/** Created on first use: its tables take megabytes. */
let graphemes: Intl.Segmenter | undefined;

/** The length of a text in user-perceived characters (UAX #29); a URL counts as 23. */
export function countCharacters(text: string): number {
  let inUrls = 0;
  const rest = text.replace(URL_PATTERN, () => {
    // The space that replaces the URL counts as one of its characters.
    inUrls += URL_CHARACTERS - 1;
    return ' ';
  });
  if (/^[\n\x20-\x7e]*$/.test(rest)) return inUrls + rest.length;
  graphemes ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  let count = inUrls;
  for (const _ of graphemes.segment(rest)) count++;
  return count;
}

/** Line breaks as `\n`, Unicode NFC, trimmed. */
export const normalizeText = (text: string): string => text.replace(/\r\n?/g, '\n').normalize('NFC').trim();

/** Whether a text has no visible character. */
export const isBlank = (text: string): boolean => !/[^\p{White_Space}\p{Cf}\p{Mn}]/u.test(text);

/** Whether a text has control characters other than line feed and tab, or lone surrogates. */
export const hasUnprintable = (text: string): boolean => /[^\P{Cc}\n\t]/u.test(text) || !text.isWellFormed();
