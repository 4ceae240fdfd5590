const PAUSE_MS = 20;

/**
 * Asks again and again until the answer is as expected, for what happens a moment later, mostly in another process.
 *
 * @param check is asked again while it throws or says `false`
 * @returns what `check` answered at last
 * @throws the last failure of `check`, or that it still said `false` after `timeoutMs` milliseconds
 */
export async function eventually<Result>(
  check: () => Promise<Result> | Result,
  timeoutMs = 15_000,
): Promise<Result> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      const answer = await check();
      if (answer !== false) return answer;
      if (performance.now() > deadline) throw new Error(`It was not so within ${timeoutMs} ms`);
    } catch (failure) {
      if (performance.now() > deadline) throw failure;
    }
    await Bun.sleep(PAUSE_MS);
  }
}
