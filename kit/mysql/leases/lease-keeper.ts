import { sleep } from '../../core/back-off';

/** A lease is free when it has not been renewed for this long, by the clock of the database. */
export const LEASE_MS = 30_000;
/**
 * Its holder stops earlier, by a clock of its own that no one sets. The third in between is for the time that an answer takes,
 * and for database servers whose clocks differ after a fail-over.
 */
export const TRUSTED_MS = (LEASE_MS * 2) / 3;
const RENEW_EVERY_MS = LEASE_MS / 6;
const RETRY_MS = 1_000;

export interface LeaseClock {
  /** Milliseconds of a clock that never steps, such as `performance.now`. */
  monotonicMs(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const LEASE_CLOCK: LeaseClock = { monotonicMs: () => performance.now(), sleep };

/**
 * Renews a lease until `stop` aborts or it is lost: another holds it, or it could not be renewed for two thirds of its
 * length.
 *
 * @param renew resolves with false when another holds it; rejects while the database is away
 * @param heldSinceMs when the statement that acquired it was sent
 * @returns why it ended
 */
export async function keepLease(
  renew: () => Promise<boolean>,
  heldSinceMs: number,
  stop: AbortSignal,
  clock: LeaseClock = LEASE_CLOCK,
): Promise<'stopped' | 'taken' | 'expired'> {
  const ended = new AbortController();
  const either = AbortSignal.any([stop, ended.signal]);
  let trustedUntilMs = heldSinceMs + TRUSTED_MS;

  async function renewing(): Promise<'stopped' | 'taken'> {
    let pauseMs = RENEW_EVERY_MS;
    for (;;) {
      await clock.sleep(pauseMs, either);
      if (either.aborted) return 'stopped';
      const sentAtMs = clock.monotonicMs();
      try {
        if (!(await renew())) return 'taken';
        trustedUntilMs = Math.max(trustedUntilMs, sentAtMs + TRUSTED_MS);
        pauseMs = RENEW_EVERY_MS;
      } catch {
        // The other half notices when that lasts too long.
        pauseMs = RETRY_MS;
      }
    }
  }

  async function expiring(): Promise<'stopped' | 'expired'> {
    for (;;) {
      const restMs = trustedUntilMs - clock.monotonicMs();
      if (restMs <= 0) return 'expired';
      await clock.sleep(restMs, either);
      if (either.aborted) return 'stopped';
    }
  }

  try {
    return await Promise.race([renewing(), expiring()]);
  } finally {
    ended.abort();
  }
}
