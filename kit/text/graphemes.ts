/** Segmentation tables take megabytes of memory: created when the first text needs them. */
let segmenter: Intl.Segmenter | undefined;

const segmentsOf = (text: string): Intl.Segments => {
  segmenter ??= new Intl.Segmenter('und', { granularity: 'grapheme' });
  return segmenter.segment(text);
};

/** Each of these characters is one grapheme. CR is not among them: CR LF is one grapheme. */
const SIMPLE = /^[\n\t\x20-\x7e]*$/;

/**
 * The length of a text as a reader perceives it: extended grapheme clusters (UAX #29). The cost is linear in the text, so
 * bound its bytes first: a single grapheme may hold any number of combining marks.
 */
export function countGraphemes(text: string): number {
  if (SIMPLE.test(text)) return text.length;
  let count = 0;
  for (const _ of segmentsOf(text)) count++;
  return count;
}

const ELLIPSIS = '…';

/**
 * Shortens a text to at most `maxGraphemes`, the ellipsis included, and never cuts a grapheme in half. A text that fits is
 * returned as it is.
 */
export function truncate(text: string, maxGraphemes: number): string {
  // No text has more graphemes than UTF-16 code units.
  if (text.length <= maxGraphemes) return text;
  let count = 0;
  let cutAt = 0;
  for (const { index } of segmentsOf(text)) {
    if (count === maxGraphemes - 1) cutAt = index;
    if (count === maxGraphemes) return text.slice(0, cutAt).trimEnd() + ELLIPSIS;
    count++;
  }
  return text;
}
