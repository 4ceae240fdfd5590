import type { RatePolicy } from './rate-policy';

/**
 * `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10): a quota of `q` requests per window of `w`
 * seconds; `r` of it remain, and it is fully restored in `t` seconds.
 */
export interface RateHeaders {
  /** Both lines, each ending with CR LF. */
  admitted(remaining: number): string;
  /** The same for a rejected request: then `t` is when the next one will be admitted. */
  refused(retryAfterSeconds: number): string;
}

export function createRateHeaders({ name, burst, emissionIntervalMs }: RatePolicy): RateHeaders {
  const windowSeconds = Math.ceil((burst * emissionIntervalMs) / 1_000);
  const policyLine = `RateLimit-Policy: "${name}";q=${burst};w=${windowSeconds}\r\n`;
  const lines = (remaining: number, seconds: number) =>
    `${policyLine}RateLimit: "${name}";r=${remaining};t=${seconds}\r\n`;
  // Infrequent clients all have the same remainder, and a client at an even pace has it again and again.
  let formattedFor = -1;
  let formatted = '';
  return {
    admitted(remaining) {
      if (remaining !== formattedFor) {
        formattedFor = remaining;
        formatted = lines(remaining, Math.ceil(((burst - remaining) * emissionIntervalMs) / 1_000));
      }
      return formatted;
    },
    refused: (retryAfterSeconds) => lines(0, retryAfterSeconds),
  };
}
