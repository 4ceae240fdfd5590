import { clip } from '#kit/text/graphemes';

/** Code points: paths of all levels fit their column. */
const MAX_SLUG_LENGTH = 60;

/** The letters and digits of any script in lower case, everything between them as one `-`. */
export function slugOf(title: string): string {
  const words =
    title
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  const slug = clip(words.join('-'), MAX_SLUG_LENGTH, (part) => [...part].length).replace(/-$/, '');
  return slug === '' ? 'category' : slug;
}
