import { Counter, Gauge, type Registry } from 'prom-client';

/** What a cache counts, in plain numbers: a lookup costs less than a counter with a label. */
export interface CacheReading {
  readonly name: string;
  readonly entries: { readonly size: number; readonly calculatedSize: number };
  readonly counts: { readonly hits: number; readonly misses: number };
}

/** The caches of a process. */
const readingsOf = new WeakMap<Registry, CacheReading[]>();

/** Shows a cache in the metrics of the process: its entries, their weight, its hits and misses. */
export function observeCache(registry: Registry, reading: CacheReading): void {
  let readings = readingsOf.get(registry);
  if (readings === undefined) {
    readings = [];
    readingsOf.set(registry, readings);
    registerMetrics(registry, readings);
  }
  readings.push(reading);
}

function registerMetrics(registry: Registry, readings: readonly CacheReading[]): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: (reading: CacheReading) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['cache'],
      registers,
      collect() {
        for (const reading of readings) this.set({ cache: reading.name }, read(reading));
      },
    });
  gauge('cache_entries', 'Entries of a cache in the memory of the process', ({ entries }) => entries.size);
  gauge(
    'cache_weight',
    'What the entries of a cache weigh together, in the unit of its limit: entries, bytes or members',
    ({ entries }) => entries.calculatedSize,
  );
  new Counter({
    name: 'cache_lookups_total',
    help: 'Lookups in a cache: hit or miss',
    labelNames: ['cache', 'result'],
    registers,
    collect() {
      this.reset();
      for (const { name, counts } of readings) {
        this.inc({ cache: name, result: 'hit' }, counts.hits);
        this.inc({ cache: name, result: 'miss' }, counts.misses);
      }
    },
  });
}
