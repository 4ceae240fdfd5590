import { networkOf } from '#kit/http/network';
import { take } from '#kit/resilience/gcra';
import type { RequestContext } from '../model/request-context';
import { createRateBuckets } from './rate-buckets';
import type { RateBucket, RatePolicy } from './rate-policy';
import { createRateVerdicts, type RateVerdict } from './rate-verdict';
import type { RedisAvailability } from './redis-availability';
import type { SharedBuckets } from './shared-buckets';
import { authorizationIn, type VerifiedCallers } from './verified-callers';

/**
 * The limit of every request, by user where a verified token identifies one, else by address.
 *
 * A request is counted in this process without waiting. The counts are synchronized through Redis in the background, and
 * the reply includes what the other gateways have counted. So between two synchronizations each gateway may admit what
 * it would admit alone: at worst the burst, once per further gateway. That excess is not lost but borrowed: all of it is
 * counted, and the client waits for it later.
 */
export interface GeneralLimit {
  admit(context: RequestContext): RateVerdict;
  /** Synchronizes counts through Redis. Never fails: without Redis, the counts stay local. */
  synchronize(): Promise<void>;
  /** Removes restored buckets. */
  sweep(): void;
}

export interface RateLimitParts {
  readonly shared: SharedBuckets;
  readonly redis: RedisAvailability;
  /** Milliseconds, monotonic: the clock of `RequestContext.startedMs`. */
  readonly clock: () => number;
}

/** Buckets synchronized in one round; further ones follow in the next. */
const MAX_PER_ROUND = 5_000;

export function createGeneralLimit(
  policy: RatePolicy,
  parts: RateLimitParts & { readonly callers: VerifiedCallers },
): GeneralLimit {
  const { callers, shared, redis, clock } = parts;
  const buckets = createRateBuckets();
  const verdicts = createRateVerdicts(policy);
  const addressKey = createAddressKey();
  let unsynced: RateBucket[] = [];

  async function synchronizeGroup(group: readonly RateBucket[]) {
    const requestedAtMs = clock();
    const reply = shared.add(group, policy);
    for (const bucket of group) bucket.unsyncedMs = 0;
    const aheadMs = await reply;
    for (const [index, bucket] of group.entries()) {
      // Relative to the time of the request, so that the round trip to Redis is not charged to anybody.
      const theoreticalArrivalMs = requestedAtMs + (aheadMs[index] ?? 0) + bucket.unsyncedMs;
      bucket.theoreticalArrivalMs = Math.max(bucket.theoreticalArrivalMs, theoreticalArrivalMs);
    }
  }

  return {
    admit({ request, origin, startedMs }) {
      const authorization = authorizationIn(request.head.headers);
      const user = authorization === null ? null : callers.userOf(authorization);
      const bucket = buckets.of(user ?? addressKey(origin.address));
      if (!take(bucket, policy, startedMs)) return verdicts.rejected(bucket, startedMs);
      if (bucket.unsyncedMs === 0) unsynced.push(bucket);
      bucket.unsyncedMs += policy.emissionIntervalMs;
      // Only for admitted requests: verifying costs more than rejecting.
      if (authorization !== null && user === null) callers.verifyInBackground(authorization);
      return verdicts.admitted(bucket, startedMs);
    },
    async synchronize() {
      const round = unsynced.splice(0, redis.isAvailable ? MAX_PER_ROUND : 1);
      if (!redis.isAvailable) {
        // One bucket probes Redis. The counts of the others would be outdated once it is available again.
        for (const bucket of unsynced) bucket.unsyncedMs = 0;
        unsynced = [];
      }
      // Failures are reported by `redis`; what was counted here is not sent again.
      const groups = shared.groups(round, policy);
      await Promise.allSettled(groups.map((group) => redis.track(() => synchronizeGroup(group))));
    },
    sweep: () => buckets.sweep(clock()),
  };
}

const MAX_NETWORKS = 10_000;

/**
 * The key an address is counted by, memoized: parsing an IPv6 address costs more than the rest of the limit. A plain map
 * that is cleared when full: an LRU would reorder on every request.
 */
function createAddressKey(): (address: string) => string {
  const networks = new Map<string, string>();
  return (address) => {
    if (!address.includes(':')) return address;
    const known = networks.get(address);
    if (known !== undefined) return known;
    if (networks.size >= MAX_NETWORKS) networks.clear();
    const network = networkOf(address);
    networks.set(address, network);
    return network;
  };
}
