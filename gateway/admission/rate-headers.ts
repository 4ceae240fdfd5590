import type { RatePolicy } from './rate-policy';

/**
 * `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10): a quota of `q` requests that is given
 * back within `w` seconds; `r` of it are left, and all of it will be in `t` seconds.
 */
export interface RateHeaders {
  /** Both lines, each ending with CR LF. */
  admitted(remaining: number): string;
  /** The same for a request that was refused: then `t` is when the next one will be admitted. */
  refused(retryAfterSeconds: number): string;
}

export function createRateHeaders({ name, burst, costMs }: RatePolicy): RateHeaders {
  const windowSeconds = Math.ceil((burst * costMs) / 1_000);
  const policyLine = `RateLimit-Policy: "${name}";q=${burst};w=${windowSeconds}\r\n`;
  const lines = (remaining: number, seconds: number) =>
    `${policyLine}RateLimit: "${name}";r=${remaining};t=${seconds}\r\n`;
  // Those who ask seldom all have the same left, and one who asks at an even pace has it again and again.
  let madeFor = -1;
  let made = '';
  return {
    admitted(remaining) {
      if (remaining !== madeFor) {
        madeFor = remaining;
        made = lines(remaining, Math.ceil(((burst - remaining) * costMs) / 1_000));
      }
      return made;
    },
    refused: (retryAfterSeconds) => lines(0, retryAfterSeconds),
  };
}
