/** Version, trace id, parent id and flags, with their dashes. */
const LENGTH = 55;
const DASH = 0x2d;
const isDash = (position: number) => position === 2 || position === 35 || position === 52;

/**
 * Reads a `traceparent` (W3C Trace Context, section 3.2): untrusted input.
 *
 * One of a later version is read as far as version 00 defines it, and continued as version 00 with the sampled flag
 * alone (section 4.3): what follows is not known here.
 *
 * @returns it as version 00; null when it is malformed or missing
 */
export function readTraceparent(value: string | null | undefined): string | null {
  if (value === null || value === undefined || value.length < LENGTH) return null;
  for (let position = 0; position < LENGTH; position++) {
    const code = value.charCodeAt(position);
    const fits = isDash(position) ? code === DASH : isLowerCaseHexadecimal(code);
    if (!fits) return null;
  }
  // All zero: no id.
  if (value.startsWith('0'.repeat(32), 3) || value.startsWith('0'.repeat(16), 36)) return null;
  if (value.startsWith('00')) return value.length === LENGTH ? value : null;
  if (value.startsWith('ff') || (value.length > LENGTH && value.charCodeAt(LENGTH) !== DASH)) return null;
  const isSampled = Number.parseInt(value.charAt(LENGTH - 1), 16) % 2 === 1;
  return `00${value.slice(2, 53)}${isSampled ? '01' : '00'}`;
}

const isLowerCaseHexadecimal = (code: number) =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66);
