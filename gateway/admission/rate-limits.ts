import { Counter } from 'prom-client';
import type { RateLimitName } from '#contracts/registry';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import { openRedis } from '#kit/redis/client';
import type { RequestContext } from '../model/request-context';
import { createGeneralLimit, type GeneralLimit } from './general-limit';
import { createRatePolicy } from './rate-policy';
import { type RateVerdict, UNLIMITED } from './rate-verdict';
import { createRedisAvailability } from './redis-availability';
import { createSharedBuckets } from './shared-buckets';
import { createStrictLimits, type StrictLimits } from './strict-limits';
import type { VerifiedCallers } from './verified-callers';

export interface RateLimits {
  /** The general limit, which counts every request. */
  admit(context: RequestContext): RateVerdict;
  /** The strict limit of a route; null where it is disabled. */
  check(name: RateLimitName, address: string): RateVerdict | Promise<RateVerdict> | null;
}

/** Requests per minute; 0 disables a limit. */
export interface RateLimitSettings {
  readonly RATE_LIMIT_PER_MINUTE: number;
  readonly RATE_LIMIT_SIGN_IN_PER_MINUTE: number;
  readonly RATE_LIMIT_REGISTRATION_PER_MINUTE: number;
  readonly RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: number;
  readonly REDIS_URL: string;
  readonly INTERNAL_SECRET: string;
}

const SYNCHRONIZE_EVERY_MS = 100;
const SWEEP_EVERY_MS = 10_000;

/** Opens the limits, shared between the gateways through Redis; null when all are disabled. */
export async function openRateLimits(
  runtime: Runtime,
  settings: RateLimitSettings,
  callers: VerifiedCallers,
): Promise<RateLimits | null> {
  const perMinute = {
    'sign-in': settings.RATE_LIMIT_SIGN_IN_PER_MINUTE,
    registration: settings.RATE_LIMIT_REGISTRATION_PER_MINUTE,
    'password-reset': settings.RATE_LIMIT_PASSWORD_RESET_PER_MINUTE,
  };
  const generalPerMinute = settings.RATE_LIMIT_PER_MINUTE;
  if (generalPerMinute === 0 && Object.values(perMinute).every((limit) => limit === 0)) return null;
  const redis = await openRedis(runtime, { url: settings.REDIS_URL, required: false });
  const parts = {
    clock: () => performance.now(),
    shared: createSharedBuckets(redis, settings.INTERNAL_SECRET),
    redis: createRedisAvailability(runtime.log, runtime.metrics),
  };
  const strict = createStrictLimits(perMinute, parts);
  const general =
    generalPerMinute === 0
      ? null
      : createGeneralLimit(createRatePolicy('default', generalPerMinute), {
          ...parts,
          callers,
        });
  if (general !== null)
    repeatEvery(
      runtime,
      'synchronization of rate limits',
      { everyMs: SYNCHRONIZE_EVERY_MS, firstRun: 'later' },
      general.synchronize,
    );
  repeatEvery(runtime, 'sweep of rate limits', { everyMs: SWEEP_EVERY_MS }, async () => {
    general?.sweep();
    strict.sweep();
  });
  return counted(runtime, general, strict);
}

function counted(runtime: Runtime, general: GeneralLimit | null, strict: StrictLimits): RateLimits {
  const rejections = new Counter({
    name: 'gateway_rate_limited_total',
    help: 'Requests rejected by a rate limit, by limit',
    labelNames: ['policy'] as const,
    registers: [runtime.metrics],
  });
  const count = (policy: string, verdict: RateVerdict) => {
    if (verdict.problem !== null) rejections.inc({ policy });
    return verdict;
  };
  return {
    admit: (context) => (general === null ? UNLIMITED : count('default', general.admit(context))),
    check(name, address) {
      const verdict = strict.check(name, address);
      if (verdict instanceof Promise) return verdict.then((decided) => count(name, decided));
      return verdict && count(name, verdict);
    },
  };
}
