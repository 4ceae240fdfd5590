/**
 * The canonical key of a text that identifies something: what is equal to a reader has one key, what differs in an accent
 * or a letter has two. Store the key in a binary-collated column and compare nothing else; store what was typed beside it
 * and show it unchanged.
 *
 * NFC (UAX #15), so that composed and decomposed letters are equal; without white space at the ends; with `ignore` for
 * names that are the same in upper and lower case, by the locale-independent mapping (`toLowerCase`, then NFC again, as
 * it may decompose).
 *
 * @param letterCase `ignore` for names, tags and addresses; `distinguish` for opaque ids
 */
export function identityKey(text: string, letterCase: 'ignore' | 'distinguish'): string {
  const composed = text.normalize('NFC').trim();
  return letterCase === 'distinguish' ? composed : foldCase(composed);
}

/** Upper and lower case are equal, and so are ß and ẞ; letters with different accents, and ı and i, are not. */
const foldCase = (text: string): string => text.toLowerCase().normalize('NFC');

/**
 * The canonical key of a username. Usernames are ASCII, so only A to Z fold: neither `K` (Kelvin sign) nor `ſ` becomes a
 * letter of somebody's name.
 */
export const usernameKey = (username: string): string =>
  username.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** A text as it is stored and shown: NFC, one kind of line break, no white space at the ends. */
export const normalizeText = (text: string): string => text.replace(/\r\n?/g, '\n').normalize('NFC').trim();
