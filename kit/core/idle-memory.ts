/** How often is looked at what the processor did for this process. */
const LOOK_EVERY_MS = 10_000;
/** Shares of one core. A process that only beats, polls and answers probes stays below the first. */
const IDLE_SHARE = 0.02;
const BUSY_SHARE = 0.1;

/** Tells the moments at which a process has become idle: after its start, and after each busy time. */
export interface IdleWatch {
  /** @param usedMs,elapsedMs processor time and time since the last look @returns whether it has just become idle */
  look(usedMs: number, elapsedMs: number): boolean;
}

/** Between idle and busy nothing changes: what is done now and then keeps its compiled code. */
export function createIdleWatch(): IdleWatch {
  let wasBusy = true;
  return {
    look(usedMs, elapsedMs) {
      const share = usedMs / elapsedMs;
      if (share >= BUSY_SHARE) wasBusy = true;
      if (!wasBusy || share >= IDLE_SHARE) return false;
      wasBusy = false;
      return true;
    },
  };
}

/**
 * Has a process that has become idle give back what its start or a busy time has left behind: code compiled for what is
 * not done any more, and pages that hold nothing. That is some 10 MB after the start and 25 MB after load; while it
 * works nothing of it is done, because code would have to be compiled again.
 *
 * @param closing ends it
 */
export function releaseMemoryWhenIdle(closing: AbortSignal): void {
  const watch = createIdleWatch();
  let lookedAtMs = performance.now();
  let usedBefore = process.cpuUsage();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(usedBefore);
    if (watch.look((user + system) / 1_000, nowMs - lookedAtMs)) shrink();
    lookedAtMs = nowMs;
    usedBefore = process.cpuUsage();
  }, LOOK_EVERY_MS);
  timer.unref();
  closing.addEventListener('abort', () => clearInterval(timer));
}

/** Bun calls it deprecated: under a later Bun that has it no more, memory stays as it is, and the process goes on. */
function shrink(): void {
  if ('shrink' in Bun) Bun.shrink();
}
