import type { InstanceState } from '#contracts/registry';

/** How long silence is borne; all in milliseconds of lease time. */
export interface LeaseRules {
  readonly heartbeatMs: number;
  /** Silent this long: unhealthy, not picked while others are up. */
  readonly unhealthyMs: number;
  /** Silent this long: removed, unless protected. */
  readonly removedMs: number;
  /** A protected instance that stays silent is removed after all. */
  readonly protectionMs: number;
}

/** Beats of 5 s and two steps of 15 and 30 s are Nacos' defaults; the way out of protection is our own. */
export const DEFAULT_LEASE: LeaseRules = {
  heartbeatMs: 5_000,
  unhealthyMs: 15_000,
  removedMs: 30_000,
  protectionMs: 600_000,
};

/** Fewer than this falling silent together is ordinary churn, however small the service. */
const PROTECTION_MINIMUM = 3;

/** The part of an instance that its lease depends on. */
export interface Leased {
  readonly heardAt: number;
  /** What it last said of itself. */
  readonly reported: Exclude<InstanceState, 'unhealthy'>;
  readonly protectedAt: number | undefined;
}

export interface Verdict<Entry> {
  readonly removed: readonly Entry[];
  readonly newlyProtected: readonly Entry[];
}

/**
 * Who of one service goes, and who is kept although due, at `time`.
 *
 * When the first of them is due, all that fell silent within the same window (from unhealthy to removed) are
 * unhealthy by now. If they are more than half of the service's live set and at least three, the network or this
 * registry is the likelier culprit, and they are kept. Instances under protection already no longer count
 * as live, so the threshold follows what is really there and does not get stuck after ordinary churn
 * (as in Netflix/eureka#1073). One that announced its leaving by draining is neither counted nor kept.
 */
export function judge<Entry extends Leased>(
  entries: Iterable<Entry>,
  rules: LeaseRules,
  time: number,
): Verdict<Entry> {
  const removed: Entry[] = [];
  const due: Entry[] = [];
  const silent: Entry[] = [];
  let live = 0;
  for (const entry of entries) {
    const silentMs = time - entry.heardAt;
    if (entry.protectedAt !== undefined) {
      if (time - entry.protectedAt >= rules.protectionMs) removed.push(entry);
    } else if (entry.reported === 'draining') {
      if (silentMs >= rules.removedMs) removed.push(entry);
    } else {
      live++;
      if (silentMs >= rules.unhealthyMs) silent.push(entry);
      if (silentMs >= rules.removedMs) due.push(entry);
    }
  }
  if (due.length === 0) return { removed, newlyProtected: [] };
  const together = silent.length >= PROTECTION_MINIMUM && silent.length * 2 > live;
  return together
    ? { removed, newlyProtected: silent }
    : { removed: [...removed, ...due], newlyProtected: [] };
}
