/**
 * Asks again and again until the answer is as expected, for what happens a moment later in another process.
 *
 * @throws the last failure of `check` when it still fails after `timeoutMs` milliseconds
 */
export async function eventually<Result>(
  check: () => Promise<Result> | Result,
  timeoutMs = 10_000,
): Promise<Result> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (failure) {
      if (performance.now() > deadline) throw failure;
      await Bun.sleep(20);
    }
  }
}
