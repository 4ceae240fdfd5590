import { hasUnprintable } from './visible';

/** What browsers and servers take. */
export const MAX_WEB_URL_UNITS = 2_048;
const NOT_IN_URL = /[\p{White_Space}\p{Default_Ignorable_Code_Point}<>"\\]/u;
/** An authority without credentials: they would be sent to a server, and hide the host from people. */
const BEGINNING = /^https?:\/\/[^/?#@]+(?:[/?#]|$)/;

/**
 * Parses a web address of somebody else. What is one can be put into a page as it is.
 *
 * @returns null for anything but an absolute `http` or `https` URL without credentials, white space, invisible or control
 *   characters: no `javascript:`, no `data:`, nothing that a parser would repair
 */
export function parseWebUrl(text: string): URL | null {
  if (text.length > MAX_WEB_URL_UNITS || !BEGINNING.test(text)) return null;
  return hasUnprintable(text) || NOT_IN_URL.test(text) ? null : URL.parse(text);
}

/** A stored address as it is shown: null for one that was stored before it was checked as it is now. */
export const shownWebUrl = (text: string | null): string | null =>
  text !== null && parseWebUrl(text) !== null ? text : null;
