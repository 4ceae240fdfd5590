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

/**
 * The longest emoji sequences take about 35 code units, and UAX #15 calls a text with more than 30 marks on a letter
 * unsafe for streams: longer graphemes are no text of any language.
 */
const MAX_GRAPHEME_UNITS = 64;

/** Whether a text holds a grapheme with more marks than any language has, which counts as one character. */
export function hasOversizedGrapheme(text: string): boolean {
  if (text.length <= MAX_GRAPHEME_UNITS || SIMPLE.test(text)) return false;
  for (const { segment } of segmentsOf(text)) if (segment.length > MAX_GRAPHEME_UNITS) return true;
  return false;
}

/**
 * The longest start of a text within a limit, cut between graphemes: empty where the first one alone exceeds it. For names,
 * which get no ellipsis.
 *
 * @param lengthOf of a text, in the unit of the limit: bytes of UTF-8 unless given
 */
export function clip(
  text: string,
  max: number,
  lengthOf: (part: string) => number = (part) => Buffer.byteLength(part),
): string {
  if (lengthOf(text) <= max) return text;
  let end = 0;
  let length = 0;
  for (const { index, segment } of segmentsOf(text)) {
    length += lengthOf(segment);
    if (length > max) break;
    end = index + segment.length;
  }
  return text.slice(0, end);
}

const ELLIPSIS = '…';

/**
 * Shortens a text to at most `maxGraphemes`, the ellipsis included, and never cuts a grapheme in half. A text that fits is
 * returned as it is.
 *
 * @param maxUnits most UTF-16 code units of the result, for a field that is bounded in them as well
 */
export function truncate(text: string, maxGraphemes: number, maxUnits = Number.POSITIVE_INFINITY): string {
  // No text has more graphemes than UTF-16 code units.
  if (text.length <= Math.min(maxGraphemes, maxUnits)) return text;
  let count = 0;
  let cutAt = 0;
  for (const { index, segment } of segmentsOf(text)) {
    if (count < maxGraphemes && index + ELLIPSIS.length <= maxUnits) cutAt = index;
    if (count === maxGraphemes || index + segment.length > maxUnits)
      return text.slice(0, cutAt).trimEnd() + ELLIPSIS;
    count++;
  }
  return text;
}
