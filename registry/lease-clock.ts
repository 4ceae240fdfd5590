export interface LeaseClock {
  /** Milliseconds of lease time: real time without the pauses of this process. */
  read(at?: number): number;
  /** Reads, and marks that the regular sweep has run. */
  tick(at?: number): number;
}

/**
 * Time as leases count it. While this process stands still (SIGSTOP, a suspended laptop, a long stall) it hears no
 * heartbeat, so that time must not count against anyone. A sweep that comes far too late shows the pause;
 * everything beyond one ordinary interval is left out. Whoever reads first after a pause notices it, so a
 * heartbeat handled before the late sweep is not dated into the future.
 *
 * @param now monotonic milliseconds
 * @param sweepMs how often `tick` is called
 */
export function createLeaseClock(now: () => number, sweepMs: number): LeaseClock {
  // A sweep up to three times late is an ordinary busy moment and eats little of a lease.
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
