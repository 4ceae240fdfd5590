import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { type CacheOptions, createCache } from './cache';

/** A store whose reads take their values when they begin and answer when the test says so. */
function slowStore(values: Map<string, number>) {
  const pending: (() => void)[] = [];
  const loads: string[][] = [];
  return {
    pending,
    loads,
    load: (keys: readonly string[]) => {
      loads.push([...keys]);
      const found = new Map(
        keys.flatMap((key): [string, number][] => {
          const value = values.get(key);
          return value === undefined ? [] : [[key, value]];
        }),
      );
      return new Promise<Map<string, number>>((resolve) => pending.push(() => resolve(found)));
    },
  };
}

const cacheOf = (options: Partial<CacheOptions<number>> & Pick<CacheOptions<number>, 'load'>) => {
  const metrics = new Registry();
  return {
    metrics,
    cache: createCache<number>({ metrics }, { name: 'numbers', maxWeight: 100, ...options }),
  };
};
const fromMap = (values: ReadonlyMap<string, number>) => async (keys: readonly string[]) =>
  new Map(keys.flatMap((key): [string, number][] => (values.has(key) ? [[key, values.get(key) ?? 0]] : [])));
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a cache', () => {
  test('never returns a value from before a change that was announced, whatever is loading meanwhile', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('read' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('change' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constantFrom('answer' as const, 'turn' as const), key: fc.constant('') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const values = new Map([
          ['a', 0],
          ['b', 0],
        ]);
        const store = slowStore(values);
        const { cache } = cacheOf({ load: store.load });
        const reads: Promise<void>[] = [];
        for (const { do: what, key } of steps) {
          if (what === 'change') {
            values.set(key, (values.get(key) ?? 0) + 1);
            cache.forget(key);
          } else if (what === 'read') {
            const atLeast = values.get(key) ?? -1;
            const read = async () => expect((await cache.get(key)) ?? -1).toBeGreaterThanOrEqual(atLeast);
            reads.push(read());
          } else if (what === 'answer') store.pending.shift()?.();
          await (what === 'turn' ? turn() : Promise.resolve());
        }
        const ended = Promise.all(reads).then(() => true);
        while (!(await Promise.race([ended, turn()]))) for (const answer of store.pending.splice(0)) answer();
      }),
    );
  });

  test('loads what callers ask for at the same time together, each key once, in batches', async () => {
    const values = new Map(['a', 'b', 'c', 'd', 'e'].map((key, index) => [key, index]));
    const loads: (readonly string[])[] = [];
    const { cache } = cacheOf({
      batchKeys: 3,
      load: (keys) => {
        loads.push(keys);
        return fromMap(values)(keys);
      },
    });
    const found = await Promise.all([cache.find(['a', 'b', 'x']), cache.get('b'), cache.find(['c', 'a'])]);
    expect(found).toEqual([[0, 1, undefined], 1, [2, 0]]);
    expect(loads).toEqual([['a', 'b', 'x'], ['c']]);
    expect(await cache.find(['a', 'c'])).toEqual([0, 2]);
    expect(loads).toHaveLength(2);
  });

  test('holds no more than its weight', async () => {
    const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
    const { cache, metrics } = cacheOf({
      weightOf: (value) => value,
      load: async (wanted) => new Map(wanted.map((key) => [key, 1 + (Number(key.slice(1)) % 7)])),
    });
    await cache.find(keys);
    const text = await metrics.metrics();
    const weight = Number(/^cache_weight\{cache="numbers"\} (\d+)$/m.exec(text)?.[1]);
    expect(weight).toBeGreaterThan(80);
    expect(weight).toBeLessThanOrEqual(100);
    expect(text).toContain('cache_lookups_total{cache="numbers",result="miss"} 500');
  });

  test('forgets by age, counted from the beginning of the load, which may change', async () => {
    let nowMs = 0;
    let maxAgeMs = 1_000;
    const values = new Map([['a', 1]]);
    const store = slowStore(values);
    const { cache } = cacheOf({ load: store.load, maxAgeMs: () => maxAgeMs, now: () => nowMs });
    const first = cache.get('a');
    await turn();
    nowMs = 600;
    store.pending.shift()?.();
    expect(await first).toBe(1);
    nowMs = 999;
    expect(cache.peek('a')).toBe(1);
    nowMs = 1_000;
    expect(cache.peek('a')).toBeUndefined();
    maxAgeMs = 30_000;
    expect(cache.peek('a')).toBe(1);
  });

  test('remembers nothing while it may not, and no failure', async () => {
    let mayRemember = false;
    let failures = 1;
    const { cache } = cacheOf({
      mayRemember: () => mayRemember,
      load: async (keys) => {
        if (failures-- > 0) throw new Error('the store is away');
        return new Map(keys.map((key) => [key, 7]));
      },
    });
    expect(cache.get('a')).rejects.toThrow('the store is away');
    await cache.get('a').catch(() => undefined);
    expect(await cache.get('a')).toBe(7);
    expect(cache.peek('a')).toBeUndefined();
    mayRemember = true;
    await cache.get('a');
    expect(cache.peek('a')).toBe(7);
    cache.forgetAll();
    expect(cache.peek('a')).toBeUndefined();
  });
});
