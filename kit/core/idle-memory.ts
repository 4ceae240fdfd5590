const SAMPLE_EVERY_MS = 10_000;
/** Shares of one core. A process that only sends heartbeats, polls and answers probes stays below the first. */
const ONE_PROGRAM = { idle: 0.02, busy: 0.1 };
/** The same of all programs in one process. */
const ALL_PROGRAMS = { idle: 0.12, busy: 0.3 };

/** Detects when a process becomes idle: after its start, and after each busy period. */
export interface IdleDetector {
  /** @param usedMs,elapsedMs CPU time and time since the last sample @returns whether the process has just become idle */
  sample(usedMs: number, elapsedMs: number): boolean;
}

/** Between idle and busy the state does not change: occasional work needs its compiled code. */
export function createIdleDetector(shares = ONE_PROGRAM): IdleDetector {
  let wasBusy = true;
  return {
    sample(usedMs, elapsedMs) {
      const share = usedMs / elapsedMs;
      if (share >= shares.busy) wasBusy = true;
      if (!wasBusy || share >= shares.idle) return false;
      wasBusy = false;
      return true;
    },
  };
}

/**
 * Collects garbage when a process becomes idle, and so returns empty pages to the operating system. Compiled code stays as far
 * as it has run lately: `Bun.shrink`, which drops all of it, frees 3 MB more, and the next request takes 39 ms instead of 2.
 *
 * @param closing stops it
 * @param isShared whether all programs run in this process
 */
export function releaseMemoryWhenIdle(closing: AbortSignal, isShared = false): void {
  const detector = createIdleDetector(isShared ? ALL_PROGRAMS : ONE_PROGRAM);
  let sampledAtMs = performance.now();
  let usedBefore = process.cpuUsage();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(usedBefore);
    if (detector.sample((user + system) / 1_000, nowMs - sampledAtMs)) Bun.gc(true);
    sampledAtMs = nowMs;
    usedBefore = process.cpuUsage();
  }, SAMPLE_EVERY_MS);
  timer.unref();
  closing.addEventListener('abort', () => clearInterval(timer));
}
