import { Counter } from 'prom-client';
import type { RateLimitName } from '#contracts/registry';
import type { TokenVerifier } from '#kit/auth/tokens';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import type { Problem } from '#kit/errors/problem';
import { openRedis } from '#kit/redis/client';
import type { RequestContext } from '../model/request-context';
import type { GatewayEnvironment } from '../settings';
import { createGeneralLimit, type GeneralLimit } from './general-limit';
import { createRatePolicy } from './rate-policy';
import { createSharing } from './redis-availability';
import { createSharedMeters } from './shared-buckets';
import { createStrictLimits, type StrictLimits, type Verdict } from './strict-limits';
import { createVerifiedCallers } from './verified-callers';

/** What the data plane asks before a request goes on. */
export interface RateLimits {
  /** The limit for every request: counts it, adds the header lines, gives the problem when it is one too many. */
  admit(context: RequestContext): Problem | null;
  /** The strict limit a route asks for; null where it is switched off. */
  ask(name: RateLimitName, address: string): Verdict | Promise<Verdict> | null;
}

const SHARE_EVERY_MS = 100;
const SWEEP_EVERY_MS = 10_000;

/** Opens the limits the environment sets, with Redis between the gateways; null when all are switched off. */
export async function openRateLimits(
  runtime: Runtime,
  env: GatewayEnvironment,
  tokens: TokenVerifier,
): Promise<RateLimits | null> {
  const perMinute = {
    'sign-in': env.RATE_LIMIT_SIGN_IN_PER_MINUTE,
    registration: env.RATE_LIMIT_REGISTRATION_PER_MINUTE,
    'password-reset': env.RATE_LIMIT_PASSWORD_RESET_PER_MINUTE,
  };
  const generalPerMinute = env.RATE_LIMIT_PER_MINUTE;
  if (generalPerMinute === 0 && Object.values(perMinute).every((limit) => limit === 0)) return null;
  const redis = await openRedis(runtime, { url: env.REDIS_URL, required: false });
  const clock = () => performance.now();
  const parts = {
    clock,
    shared: createSharedMeters(redis, env.INTERNAL_SECRET),
    sharing: createSharing(runtime.log, runtime.metrics),
    callers: createVerifiedCallers(tokens),
  };
  const strict = createStrictLimits(perMinute, parts);
  const general =
    generalPerMinute === 0 ? null : createGeneralLimit(createRatePolicy('default', generalPerMinute), parts);
  if (general !== null)
    repeatEvery(
      runtime,
      'sharing of rate limits',
      { everyMs: SHARE_EVERY_MS, firstRun: 'later' },
      general.share,
    );
  repeatEvery(runtime, 'sweep of rate limits', { everyMs: SWEEP_EVERY_MS }, async () => {
    general?.sweep();
    strict.sweep();
  });
  return counted(runtime, general, strict);
}

function counted(runtime: Runtime, general: GeneralLimit | null, strict: StrictLimits): RateLimits {
  const refused = new Counter({
    name: 'gateway_rate_limited_total',
    help: 'Requests refused because there were too many of them, by limit',
    labelNames: ['policy'] as const,
    registers: [runtime.metrics],
  });
  const noted = (policy: string, verdict: Verdict) => {
    if (verdict.problem !== null) refused.inc({ policy });
    return verdict;
  };
  return {
    admit(context) {
      if (general === null) return null;
      const problem = general.admit(context);
      if (problem !== null) refused.inc({ policy: 'default' });
      return problem;
    },
    ask(name, address) {
      const verdict = strict.ask(name, address);
      if (verdict instanceof Promise) return verdict.then((decided) => noted(name, decided));
      return verdict && noted(name, verdict);
    },
  };
}
