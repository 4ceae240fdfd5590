/** Failures without a block, because people mistype. */
const FREE_FAILURES = 4;
const MAX_BLOCK_SECONDS = 900;

/** Seconds an account is blocked after so many consecutive failures: doubling up to a maximum. */
export function blockSeconds(failures: number): number {
  if (failures <= FREE_FAILURES) return 0;
  return Math.min(MAX_BLOCK_SECONDS, 2 ** Math.min(failures - FREE_FAILURES - 1, 20));
}
