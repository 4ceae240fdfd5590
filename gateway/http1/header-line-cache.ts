import type { HeaderLine } from './message';

/**
 * Header lines that come again with nearly every message, kept as they were read: a line that is known need not be judged
 * or taken apart once more, and makes no new strings.
 *
 * Each line has one slot, by its length and a few of its characters. It is kept when it comes for the second time in a
 * row for its slot. Others choose the lines, so what is kept is bounded in number and length, and the worst they can do
 * is to have lines judged; what may be secret is not kept.
 */
const SLOTS = 1024;
const LONGEST = 96;
/** Without the line end a line has at least a name of one character and a colon. */
const SHORTEST = 2;

interface Known {
  /** As it stood in the message, line end included; empty when nothing is kept here. */
  readonly sent: string;
  readonly line: HeaderLine;
}

const NOTHING: Known = { sent: '', line: ['', '', ''] };
const kept: Known[] = Array.from({ length: SLOTS }, () => NOTHING);
/** What came last for a slot and was not kept: enough of it to tell most others apart. */
const candidates = new Int32Array(SLOTS);

/** @returns how the line that begins at `start` and has its CR at `end` was read before, if it is known */
export function cachedLine(text: string, start: number, end: number): HeaderLine | null {
  const length = end - start;
  if (length > LONGEST || length < SHORTEST) return null;
  const known = kept[slotOf(signOf(text, start, end))] ?? NOTHING;
  return known.sent.length === length + 2 && text.startsWith(known.sent, start) ? known.line : null;
}

/** Takes note of a line that was found to be well-formed. */
export function cacheLine(text: string, start: number, end: number, line: HeaderLine): HeaderLine {
  const length = end - start;
  if (length > LONGEST || SECRET.has(line[0].toLowerCase())) return line;
  const sign = signOf(text, start, end);
  const slot = slotOf(sign);
  if (candidates[slot] !== sign) {
    candidates[slot] = sign;
    return line;
  }
  const own: HeaderLine = [copyOf(line[0]), copyOf(line[1]), copyOf(line[2])];
  kept[slot] = { sent: copyOf(text.substring(start, end + 2)), line: own };
  return own;
}

const SECRET = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/** The ends of a line are where lines of one length differ: names at one, dates, numbers and addresses at the other. */
function signOf(text: string, start: number, end: number): number {
  let sign = end - start;
  sign = (Math.imul(sign, 31) + text.charCodeAt(start)) | 0;
  sign = (Math.imul(sign, 31) + text.charCodeAt(start + ((end - start) >> 1))) | 0;
  for (let position = Math.max(start, end - 4); position < end; position++)
    sign = (Math.imul(sign, 31) + text.charCodeAt(position)) | 0;
  return sign;
}

const slotOf = (sign: number) => (sign ^ (sign >>> 10) ^ (sign >>> 20)) & (SLOTS - 1);

/** Through bytes: a part of a text would keep the whole of it in memory. */
const copyOf = (text: string) => Buffer.from(text, 'latin1').toString('latin1');
