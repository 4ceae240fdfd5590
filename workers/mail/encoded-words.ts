/** RFC 2047, section 2: 75 characters a word, of which the frame takes 12, and base64 four for three bytes. */
const MAX_WORD_BYTES = 45;

/** Text that needs no encoding: printable ASCII without what a reader might decode, or collapse where lines are folded. */
const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text) && !/=\?| {2}/.test(text);

/** A subject as its header's value (RFC 2047): readers show what was typed, even where that looks like an encoded word. */
export const encodeSubject = (text: string): string => (isPlain(text) ? text : encodedWords(text));

/** Separated by blanks, which readers drop between encoded words. No character is divided. */
function encodedWords(text: string): string {
  const parts: string[] = [''];
  let bytes = 0;
  for (const character of text.toWellFormed()) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_WORD_BYTES) {
      parts.push('');
      bytes = Buffer.byteLength(character);
    }
    parts[parts.length - 1] += character;
  }
  return parts.map((part) => `=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`).join(' ');
}
