import { Counter, Gauge, type Registry } from 'prom-client';
import type { CachedResponses } from './cached-responses';

/** Registers the metrics of the cache. @returns the counts to increment */
export function countLookups(
  registry: Registry,
  stored: Pick<CachedResponses, 'bytes' | 'count'>,
): { hits: number; misses: number } {
  const counts = { hits: 0, misses: 0 };
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('gateway_response_cache_bytes', 'Size of the cached responses', () => stored.bytes);
  gauge('gateway_response_cache_entries', 'Cached responses', () => stored.count);
  new Counter({
    name: 'gateway_response_cache_lookups_total',
    help: 'Cache look-ups of cacheable requests, by result',
    labelNames: ['result'] as const,
    registers,
    collect() {
      this.reset();
      this.inc({ result: 'hit' }, counts.hits);
      this.inc({ result: 'miss' }, counts.misses);
    },
  });
  return counts;
}
