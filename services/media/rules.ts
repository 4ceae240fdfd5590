import type { ByteRange } from '#kit/storage/file-storage';

const LONGEST_NAME = 255;

/**
 * A name that is only a name: no path, nothing that cannot be seen, nothing that turns the direction of reading.
 */
export function safeFileName(sent: string | undefined): string {
  const last = (sent ?? '').normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  const name = last.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, '').trim();
  const kept = [...name].slice(0, LONGEST_NAME).join('');
  return /^\.*$/.test(kept) ? 'file' : kept;
}

/** RFC 6266, with the plain form for who does not know RFC 8187. */
export function contentDisposition(kind: 'inline' | 'attachment', fileName: string): string {
  const plain = fileName.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(fileName.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** Pictures that browsers show and cannot be made to run anything by. */
const SHOWN = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif']);

export const mayBeShown = (type: string): boolean => SHOWN.has(type);

/**
 * Which bytes a `Range` header asks for (RFC 9110, section 14.2).
 *
 * @returns undefined for all of them: there is no range, it is not understood, or there are several, which a server may
 *   answer with the whole
 */
export function rangeOf(header: string | null, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(from);
  const end = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}

/** Whether an `If-None-Match` names the tag (RFC 9110, section 13.1.2). */
export const matchesTag = (header: string | null, tag: string): boolean =>
  header !== null &&
  (header.trim() === '*' || header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag));

/** Only who names WebP gets it: `image/*` is also sent by programs that do not know it. */
export const acceptsWebp = (accept: string | null): boolean =>
  (accept ?? '').split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return type === 'image/webp' && Number(quality?.slice(2) ?? 1) > 0;
  });

const LONGEST_SLUG = 60;

/** Letters and digits of any script in lower case, everything between them as one `-`. */
export function slugOf(title: string): string {
  const words =
    title
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  const slug = [...words.join('-')].slice(0, LONGEST_SLUG).join('').replace(/-$/, '');
  return slug === '' ? 'category' : slug;
}
