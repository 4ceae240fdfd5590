/** Neighbouring buckets differ by 2 %, so that a percentile is at most 1 % off. */
const GROWTH = Math.log(1.02);
/** Latencies from 1 µs to more than a minute. */
const BUCKETS = 1_000;

/** Counts latencies in logarithmic buckets (as HdrHistogram does): constant memory and time, whatever their number. */
export interface Histogram {
  record(ms: number): void;
  readonly count: number;
  /** The largest latency, exact. NaN without any. */
  readonly max: number;
  /** @param share from 0 to 1 @returns milliseconds, at most 1 % off; NaN without any */
  percentile(share: number): number;
}

export function createHistogram(): Histogram {
  const counts = new Uint32Array(BUCKETS);
  let count = 0;
  let max = Number.NaN;
  return {
    record(ms) {
      const bucket = Math.floor(Math.log(Math.max(1, ms * 1_000)) / GROWTH);
      const index = Math.min(bucket, BUCKETS - 1);
      counts[index] = (counts[index] ?? 0) + 1;
      count++;
      if (!(ms <= max)) max = ms;
    },
    get count() {
      return count;
    },
    get max() {
      return max;
    },
    percentile(share) {
      // The nearest rank.
      let missing = Math.max(1, Math.ceil(share * count));
      for (let index = 0; index < BUCKETS; index++) {
        missing -= counts[index] ?? 0;
        if (missing <= 0) return Math.min(max, Math.exp((index + 0.5) * GROWTH) / 1_000);
      }
      return Number.NaN;
    },
  };
}
