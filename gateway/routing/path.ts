/** A request target in two parts, safe to match and to forward: what is matched is what is sent. */
export interface RequestTarget {
  /** Begins with `/`; percent-encoding is normalized. */
  readonly path: string;
  /** With its `?`; empty if absent. */
  readonly query: string;
}

/**
 * Parses an origin-form target, and normalizes its path once (RFC 3986, 6.2.2: unreserved characters are not encoded,
 * hexadecimal digits are upper case). Everything two parsers could interpret differently is rejected: `.` and `..`
 * segments (also with `;parameters`), empty segments, encoded slashes, backslashes and control characters, overlong
 * UTF-8, and all of that encoded twice.
 *
 * @returns null when the target is rejected
 */
export function readTarget(target: string): RequestTarget | null {
  const queryStart = target.indexOf('?');
  const sentPath = queryStart === -1 ? target : target.slice(0, queryStart);
  const query = queryStart === -1 ? '' : target.slice(queryStart);
  const path = sentPath.includes('%') ? normalizedEncoding(sentPath) : sentPath;
  return path !== null && isSafePath(path) && isVisible(query) ? { path, query } : null;
}

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const HASH = 0x23;
const SEMICOLON = 0x3b;

/** Every segment is checked where it ends; a trailing `/` is allowed. */
function isSafePath(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false;
  let segmentStart = 1;
  for (let position = 1; position < path.length; position++) {
    const code = path.charCodeAt(position);
    if (code === SLASH) {
      if (!isSafeSegment(path, segmentStart, position)) return false;
      segmentStart = position + 1;
    } else if (code === PERCENT) {
      if (isAmbiguousEncoding(path, position)) return false;
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

/** Some servers strip `;` and what follows from a segment before they check its dots (CVE-2018-1271 and similar). */
function beginsParameters(path: string, position: number): boolean {
  const code = path.charCodeAt(position);
  if (code !== PERCENT) return code === SEMICOLON;
  const octet = octetAt(path, position);
  return octet === SEMICOLON || (octet === PERCENT && hexadecimalPair(path, position + 3) === SEMICOLON);
}

/** Whether an encoded octet, decoded once or twice, would change the meaning of the path. */
function isAmbiguousEncoding(path: string, percent: number): boolean {
  const octet = octetAt(path, percent);
  if (octet !== PERCENT) return changesMeaning(octet) || isOverlong(path, percent, octet);
  const inner = hexadecimalPair(path, percent + 3);
  if (inner === -1) return false;
  return inner === PERCENT || UNRESERVED[inner] === 1 || inner === 0xc0 || changesMeaning(inner);
}

/**
 * Whether an overlong sequence begins here. It is invalid UTF-8 (RFC 3629, 3), but lenient decoders read `%C0%AE` as a
 * dot.
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
function normalizedEncoding(path: string): string | null {
  let normalized = '';
  let copied = 0;
  for (let percent = path.indexOf('%'); percent !== -1; percent = path.indexOf('%', copied)) {
    const octet = octetAt(path, percent);
    if (octet === -1) return null;
    const encoded = UNRESERVED[octet] === 1 ? String.fromCharCode(octet) : path.slice(percent, percent + 3);
    normalized += path.slice(copied, percent) + (encoded.length === 1 ? encoded : encoded.toUpperCase());
    copied = percent + 3;
  }
  return normalized + path.slice(copied);
}

const octetAt = (path: string, percent: number) => hexadecimalPair(path, percent + 1);

/** @returns -1 without two hexadecimal digits */
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

/** Visible ASCII without a fragment: a query is forwarded, not parsed. */
function isVisible(query: string): boolean {
  for (let position = 0; position < query.length; position++) {
    const code = query.charCodeAt(position);
    if (code <= 0x20 || code >= DELETE || code === HASH) return false;
  }
  return true;
}

const UNRESERVED = characters('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~');

/** RFC 3986 `pchar`, and `[`, `]`, `|`, which browsers send unencoded and every parser leaves unchanged. */
const PATH_CHARACTERS = characters(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@[]|",
);

function characters(list: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of list) table[character.charCodeAt(0)] = 1;
  return table;
}
