import { clip } from '#kit/text/graphemes';
import { isBlank } from '#kit/text/visible';

/** NAME_MAX of Linux: a longer name could not be saved. */
const MAX_NAME_BYTES = 255;
/** Controls, noncharacters, line separators and format characters, those that change the writing direction among them. */
const UNSAFE =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]|(?!\u200c|\u200d|[\u{e0020}-\u{e007f}])\p{Cf}/gu;

/**
 * A bare, printable file name: no path, nothing that changes the writing direction. Joiners and tags stay, which are part of
 * words and emoji. A long name loses the end of its stem, never its extension or half a grapheme.
 */
export function safeFileName(sent: string | undefined): string {
  const last = (sent ?? '').normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  const name = last.replaceAll(UNSAFE, '').trim();
  if (isBlank(name) || /^\.*$/.test(name)) return 'file';
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? '';
  const stem = name.slice(0, name.length - extension.length);
  const clipped = clip(stem, MAX_NAME_BYTES - extension.length).trim();
  return `${isBlank(clipped) || /^\.*$/.test(clipped) ? 'file' : clipped}${extension}`;
}
