/** A request target in two parts, safe to match and to send on: what is matched is what is sent. */
export interface RequestTarget {
  /** Begins with `/`; percent-encoding is in its one normal form. */
  readonly path: string;
  /** With its `?`; empty where there is none. */
  readonly query: string;
}

/**
 * Reads an origin-form target, normalising its path once (RFC 3986, 6.2.2: unreserved characters are not encoded,
 * hexadecimal digits are upper case). Everything two readers could understand differently is refused: `.` and `..`
 * segments (also with `;parameters`), empty segments, encoded slashes, backslashes and control characters, characters
 * written in more bytes than UTF-8 has for them, and all of that encoded twice.
 *
 * @returns null when the target is refused
 */
export function readTarget(target: string): RequestTarget | null {
  const queryStart = target.indexOf('?');
  const sentPath = queryStart === -1 ? target : target.slice(0, queryStart);
  const query = queryStart === -1 ? '' : target.slice(queryStart);
  const path = sentPath.includes('%') ? withNormalEncoding(sentPath) : sentPath;
  return path !== null && isSafePath(path) && isVisible(query) ? { path, query } : null;
}

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const HASH = 0x23;
const SEMICOLON = 0x3b;

/** Every segment is checked where it ends; the `/` at the very end closes a last, empty one. */
function isSafePath(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false;
  let segmentStart = 1;
  for (let position = 1; position < path.length; position++) {
    const code = path.charCodeAt(position);
    if (code === SLASH) {
      if (!isSafeSegment(path, segmentStart, position)) return false;
      segmentStart = position + 1;
    } else if (code === PERCENT) {
      if (isHidden(path, position)) return false;
    } else if (PATH_CHARACTERS[code] !== 1) return false;
  }
  return segmentStart === path.length || isSafeSegment(path, segmentStart, path.length);
}

function isSafeSegment(path: string, start: number, end: number): boolean {
  if (start === end) return false;
  if (path.charCodeAt(start) !== DOT) return true;
  const dotsEnd = path.charCodeAt(start + 1) === DOT ? start + 2 : start + 1;
  return dotsEnd < end && !beginsParameters(path, dotsEnd);
}

/** Some servers take `;` and what follows off a segment, and only then look at its dots (CVE-2018-1271 and its kin). */
function beginsParameters(path: string, position: number): boolean {
  const code = path.charCodeAt(position);
  if (code !== PERCENT) return code === SEMICOLON;
  const octet = octetAt(path, position);
  return octet === SEMICOLON || (octet === PERCENT && hexadecimalPair(path, position + 3) === SEMICOLON);
}

/** Whether an encoded octet, decoded once or twice, would change what the path means. */
function isHidden(path: string, percent: number): boolean {
  const octet = octetAt(path, percent);
  if (octet !== PERCENT) return changesMeaning(octet) || isOverlong(path, percent, octet);
  const inner = hexadecimalPair(path, percent + 3);
  if (inner === -1) return false;
  return inner === PERCENT || UNRESERVED[inner] === 1 || inner === 0xc0 || changesMeaning(inner);
}

/**
 * Whether a character begins here in more bytes than it needs. No valid UTF-8 does that (RFC 3629, 3), but lenient
 * decoders read `%C0%AE` as a dot.
 */
function isOverlong(path: string, percent: number, octet: number): boolean {
  if (octet === 0xc0 || octet === 0xc1) return true;
  if (octet !== 0xe0 && octet !== 0xf0) return false;
  const next = path.charCodeAt(percent + 3) === PERCENT ? octetAt(path, percent + 3) : -1;
  return next >= 0x80 && next < (octet === 0xe0 ? 0xa0 : 0x90);
}

const BACKSLASH = 0x5c;
const DELETE = 0x7f;
const changesMeaning = (octet: number) =>
  octet === SLASH || octet === BACKSLASH || octet < 0x20 || octet === DELETE;

/** @returns null when a percent sign does not begin an encoded octet */
function withNormalEncoding(path: string): string | null {
  let normal = '';
  let copied = 0;
  for (let percent = path.indexOf('%'); percent !== -1; percent = path.indexOf('%', copied)) {
    const octet = octetAt(path, percent);
    if (octet === -1) return null;
    const encoded = UNRESERVED[octet] === 1 ? String.fromCharCode(octet) : path.slice(percent, percent + 3);
    normal += path.slice(copied, percent) + (encoded.length === 1 ? encoded : encoded.toUpperCase());
    copied = percent + 3;
  }
  return normal + path.slice(copied);
}

const octetAt = (path: string, percent: number) => hexadecimalPair(path, percent + 1);

/** @returns -1 when there are not two hexadecimal digits */
function hexadecimalPair(text: string, start: number): number {
  const high = hexadecimalDigit(text.charCodeAt(start));
  const low = hexadecimalDigit(text.charCodeAt(start + 1));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexadecimalDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

/** Visible ASCII, and no fragment: a query is passed on, never read. */
function isVisible(query: string): boolean {
  for (let position = 0; position < query.length; position++) {
    const code = query.charCodeAt(position);
    if (code <= 0x20 || code >= DELETE || code === HASH) return false;
  }
  return true;
}

const UNRESERVED = characters('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~');

/** RFC 3986 `pchar`, and `[`, `]`, `|`, which browsers send as they are and every reader keeps as they are. */
const PATH_CHARACTERS = characters(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@[]|",
);

function characters(list: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of list) table[character.charCodeAt(0)] = 1;
  return table;
}
