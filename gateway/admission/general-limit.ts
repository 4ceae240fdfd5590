import type { Problem } from '#kit/errors/problem';
import { networkOf } from '#kit/http/network';
import type { RequestContext } from '../model/request-context';
import { createMeters } from './rate-buckets';
import { createRateHeaders } from './rate-headers';
import { rateLimited, retryAfterSeconds } from './rate-limit-problem';
import { type Meter, type RatePolicy, remaining, take, waitMs } from './rate-policy';
import type { Sharing } from './redis-availability';
import type { SharedMeters } from './shared-buckets';
import { authorizationIn, type VerifiedCallers } from './verified-callers';

/**
 * The limit every request is held to, by user where a verified token says who it is, else by address.
 *
 * A request is counted in this process and waits for nothing. What was counted is told to Redis in the background, and
 * the answer brings what the other gateways have counted. So for as long as a round takes each gateway may admit what
 * it would admit alone: at worst the burst, once for each further gateway. It is not given away but borrowed: all of it
 * is counted, and what was too much is waited for.
 */
export interface GeneralLimit {
  /** Counts a request and adds the header lines; gives the problem when it is one too many. */
  admit(context: RequestContext): Problem | null;
  /** Tells Redis what was counted since the last time. Never fails: without Redis, it stays here. */
  share(): Promise<void>;
  /** Forgets those who have everything back. */
  sweep(): void;
}

/** So many users and addresses are told of in one round; those behind them in the next. */
const MOST_IN_A_ROUND = 5_000;

/** @param clock milliseconds, ever increasing: the one that requests' `startedMs` is taken from */
export function createGeneralLimit(
  policy: RatePolicy,
  parts: { callers: VerifiedCallers; shared: SharedMeters; sharing: Sharing; clock: () => number },
): GeneralLimit {
  const { callers, shared, sharing, clock } = parts;
  const meters = createMeters();
  const headers = createRateHeaders(policy);
  const addressKey = createAddressKey();
  let unshared: Meter[] = [];

  async function tell(group: readonly Meter[]) {
    const askedAtMs = clock();
    const asked = shared.add(group, policy);
    for (const meter of group) meter.unsharedMs = 0;
    const aheadMs = await asked;
    for (const [index, meter] of group.entries()) {
      // Counted from when it was asked, so that the way to Redis and back is never held against anybody.
      const restoredAtMs = askedAtMs + (aheadMs[index] ?? 0) + meter.unsharedMs;
      meter.restoredAtMs = Math.max(meter.restoredAtMs, restoredAtMs);
    }
  }

  return {
    admit(context) {
      const { request, origin, startedMs } = context;
      const authorization = authorizationIn(request.head.headers);
      const user = authorization === null ? null : callers.userOf(authorization);
      const meter = meters.of(user ?? addressKey(origin.address));
      if (!take(meter, policy, startedMs)) {
        const seconds = retryAfterSeconds(waitMs(meter, policy, startedMs));
        context.responseLines += headers.refused(seconds);
        return rateLimited(policy, seconds);
      }
      if (meter.unsharedMs === 0) unshared.push(meter);
      meter.unsharedMs += policy.costMs;
      // Only for requests that are admitted: verifying costs more than refusing.
      if (authorization !== null && user === null) callers.learn(authorization);
      context.responseLines += headers.admitted(remaining(meter, policy, startedMs));
      return null;
    },
    async share() {
      const round = unshared.splice(0, sharing.works ? MOST_IN_A_ROUND : 1);
      if (!sharing.works) {
        // One asks whether Redis is back. The rest would be old news by then.
        for (const meter of unshared) meter.unsharedMs = 0;
        unshared = [];
      }
      // What fails is known to `sharing`; it was counted here, and is not told again.
      const groups = shared.groups(round, policy);
      await Promise.allSettled(groups.map((group) => sharing.attempt(() => tell(group))));
    },
    sweep: () => meters.sweep(clock()),
  };
}

const MOST_NETWORKS = 10_000;

/** What an address is counted by. Taking an IPv6 address apart costs more than all the rest, so it is remembered. */
function createAddressKey(): (address: string) => string {
  const networks = new Map<string, string>();
  return (address) => {
    if (!address.includes(':')) return address;
    const known = networks.get(address);
    if (known !== undefined) return known;
    if (networks.size >= MOST_NETWORKS) networks.clear();
    const network = networkOf(address);
    networks.set(address, network);
    return network;
  };
}
