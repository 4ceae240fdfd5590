/**
 * Texts that come again with nearly every message (methods, header names, reasons), kept so that reading one makes no
 * new string: what is then asked of it (a look-up by name, its lower case) is known as well.
 *
 * Each text has one slot by its hash, and takes it from whatever was there: others choose the texts, so what is kept is
 * bounded, and the worst they can do is to have strings made.
 */
const SLOTS = 1024;
const LONGEST = 48;
const kept: string[] = Array.from({ length: SLOTS }, () => '');

/** The text from `start` to `end`. */
export function internedText(text: string, start: number, end: number): string {
  const length = end - start;
  if (length > LONGEST) return text.substring(start, end);
  let hash = length;
  for (let position = start; position < end; position++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(position)) | 0;
  }
  const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1);
  const known = kept[slot] ?? '';
  if (isAt(known, text, start, length)) return known;
  // Through bytes: a part of a text would keep the whole of it in memory.
  const copy = Buffer.from(text.substring(start, end), 'latin1').toString('latin1');
  kept[slot] = copy;
  return copy;
}

function isAt(known: string, text: string, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (known.charCodeAt(index) !== text.charCodeAt(start + index)) return false;
  }
  return true;
}
