import { identityKey } from '#kit/text/identity';

/**
 * Percentages with one decimal that add up to exactly 100, by the largest-remainder method (Hamilton): each share is
 * rounded down, and the remaining tenths go to the largest remainders.
 *
 * @returns one share for each count; all zero when the counts are
 */
export function sharesOf(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return counts.map(() => 0);
  const exact = counts.map((count) => (count * 1000) / total);
  const tenths = exact.map(Math.floor);
  const left = 1000 - tenths.reduce((sum, share) => sum + share, 0);
  const byRemainder = exact
    .map((share, index) => ({ index, remainder: share - Math.floor(share) }))
    .sort((one, other) => other.remainder - one.remainder || one.index - other.index);
  for (const { index } of byRemainder.slice(0, left)) tenths[index] = (tenths[index] ?? 0) + 1;
  return tenths.map((share) => share / 10);
}

/** The canonical key of an option: composed and decomposed letters are equal, upper and lower case are not. */
export const optionKey = (option: string): string => identityKey(option, 'distinguish');

export const hasDuplicates = (options: readonly string[]): boolean =>
  new Set(options.map(optionKey)).size < options.length;
