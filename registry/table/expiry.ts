import type { InstanceState } from '#contracts/registry';

/** How long an instance may miss its heartbeats; all in milliseconds of lease time. */
export interface LeaseRules {
  readonly heartbeatMs: number;
  /** Without a heartbeat for this long: unhealthy, not selected while others are up. */
  readonly unhealthyMs: number;
  /** Without a heartbeat for this long: removed, unless protected. */
  readonly removedMs: number;
  /** A protected instance without a heartbeat is removed after this long. */
  readonly protectionMs: number;
}

/** Heartbeats every 5 s and steps at 15 and 30 s are Nacos' defaults; the end of protection is our own. */
export const DEFAULT_LEASE: LeaseRules = {
  heartbeatMs: 5_000,
  unhealthyMs: 15_000,
  removedMs: 30_000,
  protectionMs: 600_000,
};

/** Fewer simultaneous failures than this are ordinary churn, however small the service. */
const PROTECTION_MINIMUM = 3;

/** The fields of an instance that its lease depends on. */
export interface Leased {
  /** When its lease was last renewed, in lease time. */
  readonly renewedAt: number;
  /** The state it last reported. */
  readonly reported: Exclude<InstanceState, 'unhealthy'>;
  readonly protectedAt: number | undefined;
  /** Nothing listens at its address any more: it has ended, however many others fell silent at the same time. */
  readonly isGone: boolean;
}

export interface ExpiryDecision<Entry> {
  readonly removed: readonly Entry[];
  readonly newlyProtected: readonly Entry[];
}

/**
 * Decides which instances of one service are removed at `time`, and which are protected although they are due.
 *
 * When the first of them is due, all that fell silent within the same window (from unhealthy to removed) are unhealthy
 * by now. If they are more than half of the service's live set and at least three, the network or this registry is the
 * likelier cause, and they are protected. Instances already under protection do not count as live, so the threshold
 * follows the actual live set and does not get stuck after ordinary churn (as in Netflix/eureka#1073). A draining
 * instance, which announced its removal, is neither counted nor protected. Nor is one at whose address nobody listens: the
 * remains of a crash loop are removed as soon as they are unhealthy, and protect nobody.
 */
export function decideExpiry<Entry extends Leased>(
  entries: Iterable<Entry>,
  rules: LeaseRules,
  time: number,
): ExpiryDecision<Entry> {
  const removed: Entry[] = [];
  const due: Entry[] = [];
  const silent: Entry[] = [];
  let live = 0;
  for (const entry of entries) {
    const silentMs = time - entry.renewedAt;
    if (entry.isGone) {
      if (silentMs >= rules.unhealthyMs) removed.push(entry);
    } else if (entry.protectedAt !== undefined) {
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
  const isMassFailure = silent.length >= PROTECTION_MINIMUM && silent.length * 2 > live;
  return isMassFailure
    ? { removed, newlyProtected: silent }
    : { removed: [...removed, ...due], newlyProtected: [] };
}
