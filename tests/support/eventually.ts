const PAUSE_MS = 20;
/** Generous, as the tests may share a slow machine; a test has twice as long. */
const EVENTUALLY_MS = 30_000;

/**
 * Polls until a condition holds, for asynchronous effects, often in another process.
 *
 * @param check is called again while it throws or returns `false`
 * @returns the last result of `check`
 * @throws the last failure of `check`, or a timeout when it still returned `false` after `timeoutMs` milliseconds
 */
export async function eventually<Result>(
  check: () => Promise<Result> | Result,
  timeoutMs = EVENTUALLY_MS,
): Promise<Result> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      const result = await check();
      if (result !== false) return result;
      if (performance.now() > deadline) throw new Error(`The condition did not hold within ${timeoutMs} ms`);
    } catch (failure) {
      if (performance.now() > deadline) throw failure;
    }
    await Bun.sleep(PAUSE_MS);
  }
}
