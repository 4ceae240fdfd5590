import { Gauge, type Registry } from 'prom-client';
import type { Logger } from '#kit/core/log';

/** Whether rate limits are shared through Redis, or enforced locally because it is unavailable. */
export interface RedisAvailability {
  readonly isAvailable: boolean;
  /** Makes a call to Redis, and updates the availability by its outcome. */
  track<Reply>(call: () => Promise<Reply>): Promise<Reply>;
}

export function createRedisAvailability(log: Logger, registry: Registry): RedisAvailability {
  let isAvailable = true;
  let started = 0;
  let latestOutcome = 0;
  new Gauge({
    name: 'gateway_rate_limits_shared',
    help: '1 while rate limits are shared through Redis, 0 while each gateway enforces them locally',
    registers: [registry],
    // Of several workers: whether all of them share.
    aggregator: 'min',
    collect() {
      this.set(isAvailable ? 1 : 0);
    },
  });

  /** The outcome of a call that started before the one last considered is outdated. */
  function update(number: number, succeeded: boolean, failure?: unknown) {
    if (number < latestOutcome) return;
    latestOutcome = number;
    if (isAvailable === succeeded) return;
    isAvailable = succeeded;
    if (isAvailable) log.info('Redis is available again; rate limits are shared');
    else
      log.warn(
        { err: failure instanceof Error ? failure.message : failure },
        'Redis is unavailable; enforcing rate limits locally',
      );
  }

  return {
    get isAvailable() {
      return isAvailable;
    },
    async track(call) {
      const number = ++started;
      try {
        const reply = await call();
        update(number, true);
        return reply;
      } catch (failure) {
        update(number, false, failure);
        throw failure;
      }
    },
  };
}
