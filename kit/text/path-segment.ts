/** `.` and `..`, also with parameters, which some servers cut off first; and what reads as an encoded octet. */
const UNSAFE = /^\.{1,2}(?:;|$)|[/\\]|%[\dA-Fa-f]{2}/;

/**
 * Whether a name can stand in a URL as one segment, percent-encoded, and be understood alike by every server on the way
 * (RFC 3986, section 3.3): no dot segment, no separator, nothing that decodes twice.
 */
export const isPathSegment = (name: string): boolean => name !== '' && !UNSAFE.test(name);
