import { setTimeout as wait } from 'node:timers/promises';

/**
 * The delay before a retry: capped exponential back-off with full jitter, so that the clients of a recovering server do
 * not reconnect at the same moment (AWS Architecture Blog, "Exponential Backoff And Jitter").
 *
 * @param attempt 1 for the first retry
 * @returns milliseconds, from 0 up to `min(capMs, baseMs * 2^(attempt-1))`
 */
export function backOffMs(
  attempt: number,
  limits: { baseMs: number; capMs: number },
  random = Math.random,
): number {
  const ceiling = Math.min(limits.capMs, limits.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(random() * ceiling);
}

/** Waits `ms` milliseconds, or until the signal aborts. Never throws. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await wait(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
}

/**
 * Calls `attempt` until it resolves, with back-off in between.
 *
 * @param options.onFailure called with each failure and its attempt number before the delay
 * @param options.baseMs 200 by default
 * @param options.capMs 5,000 by default
 * @throws the last failure once the signal has aborted
 */
export async function retryForever<Result>(
  attempt: () => Promise<Result>,
  options: {
    signal: AbortSignal;
    onFailure: (failure: unknown, attempt: number) => void;
    baseMs?: number;
    capMs?: number;
  },
): Promise<Result> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (failure) {
      if (options.signal.aborted) throw failure;
      options.onFailure(failure, attempts);
      await sleep(
        backOffMs(attempts, { baseMs: options.baseMs ?? 200, capMs: options.capMs ?? 5_000 }),
        options.signal,
      );
    }
  }
}
