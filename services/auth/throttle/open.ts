import { hkdfSync } from 'node:crypto';
import { createWorkQueue, type QueueLimits } from '#kit/core/queues/work-queue';
import type { Runtime } from '#kit/core/runtime';
import type { Redis } from '#kit/redis/commands';
import type { AuthDeps } from '../deps';
import { openCounters } from './counters';
import { createDevices } from './devices';
import { createFactorThrottle } from './factors';
import { countRefusals } from './refusals';
import { createResetThrottle, createThrottle } from './throttle';

/**
 * A check takes a core for 20 to 30 ms, and asks Redis before and after. On two cores some hundred people who sign in at
 * once from one network, such as a school, are all served within three seconds; whoever cannot be is told so at once.
 */
const TURNS: QueueLimits = { concurrent: 4, waiting: 1_000, waitMs: 3_000, serviceMs: 60 };

/**
 * What limits passwords, second factors and resets. The keys are derived from the secret of the system, the same in all instances: counts
 * and device cookies stay good when one of them restarts.
 */
export function openThrottles(
  runtime: Runtime,
  redis: Redis,
  options: { internalSecret: string; failuresPerNetwork: number; turns?: QueueLimits; now: () => number },
): Pick<AuthDeps, 'throttle' | 'resetThrottle' | 'factorThrottle' | 'devices' | 'passwordTurns'> {
  const { failuresPerNetwork, now } = options;
  const secretFor = (purpose: string) =>
    new Uint8Array(hkdfSync('sha256', options.internalSecret, 'rookery', purpose, 32));
  const devices = createDevices(secretFor('device cookies'), now);
  const counters = openCounters(runtime, redis, { secret: secretFor('sign-in attempts'), now });
  const countRefusal = countRefusals(runtime);
  return {
    devices,
    throttle: createThrottle(counters, countRefusal, { devices, failuresPerNetwork }),
    resetThrottle: createResetThrottle(counters, devices),
    factorThrottle: createFactorThrottle(counters, countRefusal, devices),
    passwordTurns: createWorkQueue({
      name: 'sign-in attempts',
      metrics: runtime.metrics,
      limits: options.turns ?? TURNS,
    }),
  };
}
