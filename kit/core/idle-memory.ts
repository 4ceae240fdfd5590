const SAMPLE_EVERY_MS = 10_000;
/** Shares of one core. A process that only sends heartbeats, polls and answers probes stays below the first. */
const IDLE_SHARE = 0.02;
const BUSY_SHARE = 0.1;

/** Detects when a process becomes idle: after its start, and after each busy period. */
export interface IdleDetector {
  /** @param usedMs,elapsedMs CPU time and time since the last sample @returns whether the process has just become idle */
  sample(usedMs: number, elapsedMs: number): boolean;
}

/** Between idle and busy the state does not change: occasional work needs its compiled code. */
export function createIdleDetector(): IdleDetector {
  let wasBusy = true;
  return {
    sample(usedMs, elapsedMs) {
      const share = usedMs / elapsedMs;
      if (share >= BUSY_SHARE) wasBusy = true;
      if (!wasBusy || share >= IDLE_SHARE) return false;
      wasBusy = false;
      return true;
    },
  };
}

/**
 * Returns memory to the operating system when a process becomes idle: compiled code that is no longer needed, and empty
 * pages. That is about 10 MB after the start and 25 MB after load. Nothing is released under load, because code would
 * have to be compiled again.
 *
 * @param closing stops it
 */
export function releaseMemoryWhenIdle(closing: AbortSignal): void {
  const detector = createIdleDetector();
  let sampledAtMs = performance.now();
  let usedBefore = process.cpuUsage();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(usedBefore);
    if (detector.sample((user + system) / 1_000, nowMs - sampledAtMs)) shrink();
    sampledAtMs = nowMs;
    usedBefore = process.cpuUsage();
  }, SAMPLE_EVERY_MS);
  timer.unref();
  closing.addEventListener('abort', () => clearInterval(timer));
}

/** `Bun.shrink` is deprecated: where a later Bun has removed it, memory stays as it is. */
function shrink(): void {
  if ('shrink' in Bun) Bun.shrink();
}
