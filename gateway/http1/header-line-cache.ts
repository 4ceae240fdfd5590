import type { HeaderLine } from './message';

/**
 * A cache of parsed header lines, because most lines repeat with nearly every message: a cached line is neither validated
 * nor parsed again, and allocates no strings.
 *
 * A direct-mapped cache: each line has one slot, by a hash of its length and a few of its characters. A line is stored
 * when it is received for the second time in a row for its slot. Clients choose the lines, so the cache is bounded in
 * number and length, and the worst they can cause is a miss; potentially secret lines are not stored.
 */
const SLOTS = 1024;
const MAX_LENGTH = 96;
/** Without CR LF a line has at least a name of one character and a colon. */
const MIN_LENGTH = 2;

interface CachedLine {
  /** As received, including CR LF; empty for an unused slot. */
  readonly sent: string;
  readonly line: HeaderLine;
}

const UNUSED: CachedLine = { sent: '', line: ['', '', ''] };
const cached: CachedLine[] = Array.from({ length: SLOTS }, () => UNUSED);
/** Hashes of the lines last received per slot that were not stored. */
const candidates = new Int32Array(SLOTS);

/** @returns the parsed line that begins at `start` and has its CR at `end`, if it is cached */
export function cachedLine(text: string, start: number, end: number): HeaderLine | null {
  const length = end - start;
  if (length > MAX_LENGTH || length < MIN_LENGTH) return null;
  const known = cached[slotOf(hashOf(text, start, end))] ?? UNUSED;
  return known.sent.length === length + 2 && text.startsWith(known.sent, start) ? known.line : null;
}

/** Stores a valid line at its second occurrence. */
export function cacheLine(text: string, start: number, end: number, line: HeaderLine): HeaderLine {
  const length = end - start;
  if (length > MAX_LENGTH || SECRET.has(line[0].toLowerCase())) return line;
  const hash = hashOf(text, start, end);
  const slot = slotOf(hash);
  if (candidates[slot] !== hash) {
    candidates[slot] = hash;
    return line;
  }
  const own: HeaderLine = [copyOf(line[0]), copyOf(line[1]), copyOf(line[2])];
  cached[slot] = { sent: copyOf(text.substring(start, end + 2)), line: own };
  return own;
}

const SECRET = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/** Lines of one length differ at their ends: in names at one, in dates, numbers and addresses at the other. */
function hashOf(text: string, start: number, end: number): number {
  let hash = end - start;
  hash = (Math.imul(hash, 31) + text.charCodeAt(start)) | 0;
  hash = (Math.imul(hash, 31) + text.charCodeAt(start + ((end - start) >> 1))) | 0;
  for (let position = Math.max(start, end - 4); position < end; position++)
    hash = (Math.imul(hash, 31) + text.charCodeAt(position)) | 0;
  return hash;
}

const slotOf = (hash: number) => (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (SLOTS - 1);

/** Through bytes: a substring would retain the whole string. */
const copyOf = (text: string) => Buffer.from(text, 'latin1').toString('latin1');
