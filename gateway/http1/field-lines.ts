import { COLON, CR, FIELD_VALUE, LF, SPACE, TAB, TOKEN } from './characters';
import { cachedLine, cacheLine } from './header-line-cache';
import { internedText } from './interned-strings';
import { MalformedMessage } from './malformed-message';
import type { FieldLimits, HeaderLine, HeaderList } from './message';

/**
 * Bytes of a packet that are decoded at once while a head is read. Nearly every head ends within them, and what follows is
 * a body, which is never text here.
 */
export const DECODED_AT_ONCE = 1024;

/** A header or trailer section being read. */
export interface FieldSection {
  readonly limits: FieldLimits;
  readonly fields: HeaderLine[];
  /** Length of the lines read so far, including CR LF. */
  bytes: number;
  complete: boolean;
}

export const emptySection = (limits: FieldLimits): FieldSection => ({
  limits,
  fields: [],
  bytes: 0,
  complete: false,
});

/**
 * Reads the complete lines, and validates them in the order of their bytes: the result does not depend on how a message
 * was split into packets.
 *
 * @param text latin-1
 * @returns the position after the last complete line; the rest must be passed again with more bytes
 * @throws MalformedMessage
 */
export function readFieldLines(text: string, start: number, section: FieldSection): number {
  const limit = start + section.limits.fieldBytes - section.bytes;
  const end = Math.min(text.length, limit);
  let position = start;
  while (position < end && !section.complete) {
    const next = readFieldLine(text, position, end, section);
    if (next === position) break;
    position = next;
  }
  section.bytes += position - start;
  if (!section.complete && end === limit) throw new MalformedMessage(431, 'Header section too large');
  return position;
}

/** @returns the position after the line, or `start` when the line is incomplete */
function readFieldLine(text: string, start: number, end: number, section: FieldSection): number {
  if (text.charCodeAt(start) === CR) {
    if (start + 1 >= end) return start;
    if (text.charCodeAt(start + 1) !== LF) throw new MalformedMessage(400, 'A line must end with CR LF');
    section.complete = true;
    return start + 2;
  }
  const lineEnd = text.indexOf('\r', start);
  if (lineEnd !== -1 && lineEnd + 1 < end) {
    const known = cachedLine(text, start, lineEnd);
    if (known !== null) {
      add(known, section);
      return lineEnd + 2;
    }
  }
  let nameEnd = start;
  while (nameEnd < end && TOKEN[text.charCodeAt(nameEnd)] === 1) nameEnd++;
  if (nameEnd >= end) return start;
  // Folded lines, whitespace before the colon and lines without a colon are rejected here.
  if (nameEnd === start || text.charCodeAt(nameEnd) !== COLON) {
    throw new MalformedMessage(400, 'A header line must be a name, a colon and a value');
  }
  let valueEnd = nameEnd + 1;
  while (valueEnd < end && FIELD_VALUE[text.charCodeAt(valueEnd)] === 1) valueEnd++;
  if (valueEnd >= end) return start;
  if (text.charCodeAt(valueEnd) !== CR) {
    throw new MalformedMessage(400, 'A header value contains a control character');
  }
  if (valueEnd + 1 >= end) return start;
  if (text.charCodeAt(valueEnd + 1) !== LF) throw new MalformedMessage(400, 'A line must end with CR LF');
  const name = internedText(text, start, nameEnd);
  const value = trimmed(text, nameEnd + 1, valueEnd);
  // As most lines are sent, they are forwarded.
  const isUsual = text.charCodeAt(nameEnd + 1) === SPACE && value.length === valueEnd - nameEnd - 2;
  const line: HeaderLine = isUsual
    ? [name, value, text.substring(start, valueEnd + 2)]
    : headerLine(name, value);
  add(cacheLine(text, start, valueEnd, line), section);
  return valueEnd + 2;
}

export const headerLine = (name: string, value: string): HeaderLine => [name, value, `${name}: ${value}\r\n`];

function add(line: HeaderLine, section: FieldSection) {
  if (section.fields.length >= section.limits.fieldCount)
    throw new MalformedMessage(431, 'Too many header lines');
  section.fields.push(line);
}

function trimmed(text: string, start: number, end: number): string {
  let first = start;
  let last = end;
  while (first < last && isBlank(text.charCodeAt(first))) first++;
  while (last > first && isBlank(text.charCodeAt(last - 1))) last--;
  return text.substring(first, last);
}

const isBlank = (code: number) => code === SPACE || code === TAB;

/** Compares field names case-insensitively. @param usual in its most frequent spelling */
export const isField = (name: string, usual: string): boolean =>
  name === usual ||
  (name.length === usual.length &&
    (name.charCodeAt(0) | 0x20) === (usual.charCodeAt(0) | 0x20) &&
    name.toLowerCase() === usual.toLowerCase());

/** All values of a field, joined as one list (RFC 9110, 5.3); null when it is absent. */
export function listOf(headers: HeaderList, usualName: string): string | null {
  let list: string | null = null;
  for (const [name, value] of headers)
    if (isField(name, usualName)) list = list === null ? value : `${list}, ${value}`;
  return list;
}

/** The value of a field that must not be repeated. @throws MalformedMessage when it is */
export function single(before: string | null, value: string, name: string): string {
  if (before !== null) throw new MalformedMessage(400, `Repeated ${name} header`);
  return value;
}

/** The options listed by Connection fields, in lower case. @param before those of previous lines */
export function connectionOptions(before: ReadonlySet<string> | null, value: string): ReadonlySet<string> {
  const listed = COMMON_OPTIONS.get(value) ?? optionsIn(value);
  return before === null ? listed : before.union(listed);
}

function optionsIn(value: string): ReadonlySet<string> {
  return new Set(
    value
      .toLowerCase()
      .split(',')
      .map((option) => option.trim()),
  );
}

/** The most frequent Connection fields, parsed once. */
const COMMON_OPTIONS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  ['keep-alive', 'Keep-Alive', 'close', 'Upgrade'].map((value) => [value, optionsIn(value)]),
);
