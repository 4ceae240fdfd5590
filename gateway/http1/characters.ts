export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const DIGIT_ZERO = 0x30;

const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** RFC 9110, 5.6.2: the characters of methods and field names. */
export const TOKEN = tableOf(`${LETTERS_AND_DIGITS}!#$%&'*+-.^_\`|~`);

/** RFC 9110, 5.5: visible characters, spaces, tabs and bytes above 127. No other control character, DEL included. */
export const FIELD_VALUE = tableWhere((code) => code === TAB || (code >= SPACE && code !== 0x7f));

/**
 * The characters of a request target: visible ASCII without `"`, `#`, `<`, `>` and the backslash.
 * RFC 3986 also forbids ^ ` { | }, but browsers send them unescaped in queries (WHATWG URL, query percent-encode set).
 */
export const TARGET = tableWhere(
  (code) => code > SPACE && code < 0x7f && !'"#<>\\'.includes(String.fromCharCode(code)),
);

/** Narrower than RFC 3986's reg-name: the characters of host names and IPv4 addresses in use. */
export const HOST_NAME = tableOf(`${LETTERS_AND_DIGITS}.-_`);
export const DIGIT = tableOf('0123456789');

/** The value of a hexadecimal digit by its code, -1 for every other code. */
export const HEX_VALUE = Int8Array.from({ length: 256 }, (_, code) =>
  code < 0x7f && '0123456789abcdefABCDEF'.includes(String.fromCharCode(code))
    ? Number.parseInt(String.fromCharCode(code), 16)
    : -1,
);

/** Whether `text` from `start` to `end` consists of characters in `table`. */
export function consistsOf(table: Uint8Array, text: string, start: number, end: number): boolean {
  for (let position = start; position < end; position++) {
    if (table[text.charCodeAt(position)] !== 1) return false;
  }
  return true;
}

function tableOf(characters: string): Uint8Array {
  return tableWhere((code) => characters.includes(String.fromCharCode(code)));
}

function tableWhere(holds: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (holds(code) ? 1 : 0));
}
