import { Gauge, type Registry } from 'prom-client';
import type { Logger } from '#kit/core/log';

/** Whether the gateways count together, through Redis, or each by itself because Redis is away. */
export interface Sharing {
  readonly works: boolean;
  /** Makes a call to Redis, and learns from how it ends. */
  attempt<Answer>(call: () => Promise<Answer>): Promise<Answer>;
}

export function createSharing(log: Logger, registry: Registry): Sharing {
  let works = true;
  let begun = 0;
  let judgedBy = 0;
  new Gauge({
    name: 'gateway_rate_limits_shared',
    help: '1 while gateways count requests together through Redis, 0 while each counts by itself',
    registers: [registry],
    // Of several workers: whether all do.
    aggregator: 'min',
    collect() {
      this.set(works ? 1 : 0);
    },
  });

  /** A call that began before the one that was judged last tells of a time that is over. */
  function judge(number: number, succeeded: boolean, failure?: unknown) {
    if (number < judgedBy) return;
    judgedBy = number;
    if (works === succeeded) return;
    works = succeeded;
    if (works) log.info('rate limits are shared with the other gateways again');
    else
      log.warn(
        { err: failure instanceof Error ? failure.message : failure },
        'Redis does not count: this gateway holds to the rate limits by itself until it does',
      );
  }

  return {
    get works() {
      return works;
    },
    async attempt(call) {
      const number = ++begun;
      try {
        const answer = await call();
        judge(number, true);
        return answer;
      } catch (failure) {
        judge(number, false, failure);
        throw failure;
      }
    },
  };
}
