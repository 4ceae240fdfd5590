import { createHistogram, type Histogram } from '../histogram';
import { differenceOf } from './check';
import type { LoadResult, Percentiles } from './plan';
import type { Due } from './pool';
import type { ResponseReader } from './response-reader';

/** The first response and then one of this many is parsed and compared with what was expected. */
const CHECKED_EVERY = 50;

/** Records what happens to the requests that are due after the warm-up. */
export function createRecorder(warmMs: number) {
  const latency = createHistogram();
  const late = createHistogram();
  const byKind = new Map<string, Histogram>();
  const failures = new Map<string, number>();
  let lastMs = warmMs;
  let seen = 0;

  function fail(dueMs: number, why: string) {
    if (dueMs >= warmMs) failures.set(why, (failures.get(why) ?? 0) + 1);
  }

  return {
    response({ request: { kind, planned }, dueMs }: Due, reader: ResponseReader) {
      const now = performance.now();
      const status = reader.status();
      if (status !== planned.expected.status) return fail(dueMs, `${kind}: status ${status}`);
      if (dueMs < warmMs) return;
      if (seen++ % CHECKED_EVERY === 0) {
        const difference = differenceOf(reader.body(), planned.expected);
        if (difference !== undefined) return fail(dueMs, `${kind}: ${difference}`);
      }
      lastMs = now;
      latency.record(now - dueMs);
      let own = byKind.get(kind);
      if (own === undefined) {
        own = createHistogram();
        byKind.set(kind, own);
      }
      own.record(now - dueMs);
    },
    failure: fail,
    late(dueMs: number, sentMs: number) {
      if (dueMs >= warmMs) late.record(sentMs - dueMs);
    },
    result: (rest: Pick<LoadResult, 'isOverloaded' | 'generatorMs'>): LoadResult => ({
      responses: latency.count,
      failures: Object.fromEntries(failures),
      seconds: (lastMs - warmMs) / 1_000,
      latency: percentilesOf(latency),
      latencyByKind: Object.fromEntries([...byKind].map(([kind, own]) => [kind, percentilesOf(own)])),
      lateMs: percentilesOf(late),
      ...rest,
    }),
  };
}

const percentilesOf = (histogram: Histogram): Percentiles => ({
  p50: histogram.percentile(0.5),
  p90: histogram.percentile(0.9),
  p99: histogram.percentile(0.99),
  max: histogram.max,
});
