/**
 * String interning for methods, field names and reason phrases, which repeat with nearly every message: reading one
 * allocates no string, and look-ups by it reuse its hash.
 *
 * A direct-mapped table: each string has one slot by its hash, and replaces its predecessor. Clients choose the strings,
 * so the table is bounded, and the worst they can cause is an allocation.
 */
const SLOTS = 1024;
const MAX_LENGTH = 48;
const interned: string[] = Array.from({ length: SLOTS }, () => '');

/** The substring from `start` to `end`. */
export function internedText(text: string, start: number, end: number): string {
  const length = end - start;
  if (length > MAX_LENGTH) return text.substring(start, end);
  let hash = length;
  for (let position = start; position < end; position++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(position)) | 0;
  }
  const slot = (hash ^ (hash >>> 10)) & (SLOTS - 1);
  const known = interned[slot] ?? '';
  if (isAt(known, text, start, length)) return known;
  // Through bytes: a substring would retain the whole string.
  const copy = Buffer.from(text.substring(start, end), 'latin1').toString('latin1');
  interned[slot] = copy;
  return copy;
}

function isAt(known: string, text: string, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (known.charCodeAt(index) !== text.charCodeAt(start + index)) return false;
  }
  return true;
}
