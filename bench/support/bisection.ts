/**
 * Finds the highest rate that holds: doubles or halves from a guess until the answer changes, then bisects in between.
 *
 * @param options.guess where to start
 * @param options.within relative width of the interval at which the search ends, such as 0.05
 * @param options.canContinue asked before each trial: a search that has to end early returns the best so far
 * @param holds whether a rate holds; takes a while
 * @returns the highest rate that has held; 0 when none has
 */
export async function highestRate(
  options: { guess: number; within: number; canContinue: () => boolean },
  holds: (rate: number) => Promise<boolean>,
): Promise<number> {
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let rate = options.guess;
  while (options.canContinue() && rate >= 1) {
    if (await holds(rate)) low = rate;
    else high = rate;
    if (high === Number.POSITIVE_INFINITY) rate = low * 2;
    else if (high - low <= options.within * high) break;
    else if (low === 0) rate = high / 2;
    else rate = Math.sqrt(low * high);
  }
  return low;
}
