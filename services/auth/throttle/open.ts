import { hkdfSync } from 'node:crypto';
import { limitFairly } from '#kit/core/fair-limit';
import type { Runtime } from '#kit/core/runtime';
import type { Redis } from '#kit/redis/client';
import type { AuthDeps } from '../deps';
import { openCounters } from './counters';
import { createDevices } from './devices';
import { createResetThrottle, createThrottle } from './throttle';

/**
 * Each check takes a processor for about 20 ms. Some hundred people who sign in at once from one network, such as a school,
 * are all served within seconds; whoever comes when the queue is full is told so at once.
 */
const TURNS = { concurrent: 4, waiting: 500, perKey: 300, reserved: 100 };

/**
 * What limits passwords and resets. The keys are derived from the secret of the system, the same in all instances: counts
 * and device cookies stay good when one of them restarts.
 */
export function openThrottles(
  runtime: Runtime,
  redis: Redis,
  options: { internalSecret: string; failuresPerNetwork: number; now: () => number },
): Pick<AuthDeps, 'throttle' | 'resetThrottle' | 'devices' | 'passwordTurns'> {
  const { failuresPerNetwork, now } = options;
  const secretFor = (purpose: string) =>
    new Uint8Array(hkdfSync('sha256', options.internalSecret, 'rookery', purpose, 32));
  const devices = createDevices(secretFor('device cookies'), now);
  const counters = openCounters(runtime, redis, { secret: secretFor('sign-in attempts'), now });
  return {
    devices,
    throttle: createThrottle(runtime, counters, { devices, failuresPerNetwork }),
    resetThrottle: createResetThrottle(counters, devices),
    passwordTurns: limitFairly(TURNS),
  };
}
