export interface LeaseClock {
  /** Milliseconds of lease time: real time minus the pauses of this process. */
  read(at?: number): number;
  /** Reads the clock and records that the periodic sweep has run. */
  tick(at?: number): number;
}

/**
 * The time that leases are measured in. While this process is paused (SIGSTOP, a suspended laptop, a long stall) it
 * receives no heartbeats, so that time must not count against any instance. A sweep that runs far too late reveals the
 * pause; all but one ordinary interval of it is excluded. The first read after a pause detects it, so that a heartbeat
 * handled before the late sweep is not dated into the future.
 *
 * @param now monotonic milliseconds
 * @param sweepMs how often `tick` is called
 */
export function createLeaseClock(now: () => number, sweepMs: number): LeaseClock {
  // A sweep up to three intervals late is ordinary load and costs little of a lease.
  const pauseFromMs = sweepMs * 3;
  let sweptAt = now();
  let pausedMs = 0;

  function read(at = now()): number {
    const gapMs = at - sweptAt;
    if (gapMs > pauseFromMs) {
      pausedMs += gapMs - sweepMs;
      sweptAt = at;
    }
    return at - pausedMs;
  }

  return {
    read,
    tick(at = now()) {
      const time = read(at);
      sweptAt = at;
      return time;
    },
  };
}
