const MAX_SLUG_LENGTH = 60;

/** The letters and digits of any script in lower case, everything between them as one `-`. */
export function slugOf(title: string): string {
  const words =
    title
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  const slug = [...words.join('-')].slice(0, MAX_SLUG_LENGTH).join('').replace(/-$/, '');
  return slug === '' ? 'category' : slug;
}
