import { setTimeout as wait } from 'node:timers/promises';

/**
 * How long to wait before a further attempt: capped exponential with full jitter, so that many clients
 * of one server that came back do not all knock at once (AWS Architecture Blog, "Exponential Backoff And Jitter").
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

/** Waits, or returns early when the signal aborts. Never throws. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await wait(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
}

/**
 * Calls `attempt` until it returns. Each failure is handed to `onFailure` (to be logged) before the wait.
 *
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
