const MAX_NAME_LENGTH = 255;

/** A bare file name: no path, no control or format characters, nothing that changes the writing direction. */
export function safeFileName(sent: string | undefined): string {
  const last = (sent ?? '').normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  const name = last.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, '').trim();
  const truncated = [...name].slice(0, MAX_NAME_LENGTH).join('');
  return /^\.*$/.test(truncated) ? 'file' : truncated;
}
