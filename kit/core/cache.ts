import { LRUCache } from 'lru-cache';
import { observeCache } from './cache-metrics';
import type { Runtime } from './runtime';

/** Batches that are loaded at the same time; keys asked for meanwhile are collected for the next one. */
const MAX_LOADING_BATCHES = 2;
/** By default no batch is larger. */
const DEFAULT_BATCH_KEYS = 100;

export interface CacheOptions<Value> {
  /** The label of its metrics, like `timelines-posts`; unique in the process. */
  readonly name: string;
  /** What the entries may weigh together, in the unit of `weightOf`. */
  readonly maxWeight: number;
  /** The weight of an entry, at least 1; 1 by default, so that `maxWeight` is a number of entries. */
  readonly weightOf?: (value: Value) => number;
  /** Entries are used for this long after their load began, as of their use; without it, until they are forgotten. */
  readonly maxAgeMs?: () => number;
  /** Whether what is loaded may be remembered now; always by default. */
  readonly mayRemember?: () => boolean;
  /** Keys of one load; 100 by default. */
  readonly batchKeys?: number;
  /**
   * Reads what belongs to these distinct keys. Keys without a value are missing from the result, and are not remembered.
   */
  readonly load: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  /** Monotonic milliseconds, for tests. */
  readonly now?: () => number;
}

/** Values of a store by key, bounded, in the memory of the process. */
export interface Cache<Value> {
  /** The remembered value, if any. */
  peek(key: string): Value | undefined;
  /**
   * The values of these keys in their order, remembered or loaded; undefined where a key has none. Concurrent callers share
   * loads, and keys asked for at the same time are loaded together.
   *
   * @throws what the load throws
   */
  find(keys: readonly string[]): Promise<(Value | undefined)[]>;
  /** The value of a key, remembered or loaded. @throws what the load throws */
  get(key: string): Promise<Value | undefined>;
  /** Drops a value. A load that has begun before may have read the old one: later callers do not share it. */
  forget(key: string): void;
  /** Drops all values, as `forget`. */
  forgetAll(): void;
}

interface Entry<Value> {
  readonly value: Value;
  readonly loadedMs: number;
}

interface Batch<Value> {
  readonly keys: Set<string>;
  readonly result: Promise<ReadonlyMap<string, Value>>;
  readonly start: () => void;
}

/**
 * Creates a cache that is filled on demand and emptied by `forget`: for values that change seldom and whose changes are
 * announced, or that may be `maxAgeMs` old. Least recently used entries make room for new ones.
 */
export function createCache<Value extends object | number>(
  runtime: Pick<Runtime, 'metrics'>,
  options: CacheOptions<Value>,
): Cache<Value> {
  const { weightOf, maxAgeMs, batchKeys = DEFAULT_BATCH_KEYS } = options;
  const now = options.now ?? (() => performance.now());
  const entries = new LRUCache<string, Entry<Value>>({
    maxSize: options.maxWeight,
    sizeCalculation:
      weightOf === undefined ? () => 1 : ({ value }) => Math.max(1, Math.ceil(weightOf(value))),
  });
  /** By key: the batch whose result is the present value, unless the key is forgotten before it ends. */
  const loading = new Map<string, Batch<Value>>();
  const waiting: Batch<Value>[] = [];
  const counts = { hits: 0, misses: 0 };
  let running = 0;
  observeCache(runtime.metrics, { name: options.name, entries, counts });

  function peek(key: string): Value | undefined {
    const entry = entries.get(key);
    if (entry === undefined || (maxAgeMs !== undefined && now() - entry.loadedMs >= maxAgeMs()))
      return undefined;
    counts.hits++;
    return entry.value;
  }

  /** Batches start after the callbacks of this turn of the event loop, whose requests they serve together. */
  function startWaiting(): void {
    while (running < MAX_LOADING_BATCHES) {
      const batch = waiting.shift();
      if (batch === undefined) return;
      running++;
      batch.start();
    }
  }

  function createBatch(): Batch<Value> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const keys = new Set<string>();
    const batch: Batch<Value> = { keys, start: resolve, result: promise.then(() => run(batch)) };
    // Every caller that waits for it sees the failure; without one it concerns nobody.
    batch.result.catch(() => undefined);
    waiting.push(batch);
    if (waiting.length === 1) setImmediate(startWaiting);
    return batch;
  }

  async function run(batch: Batch<Value>): Promise<ReadonlyMap<string, Value>> {
    const loadedMs = now();
    try {
      const found = await options.load([...batch.keys]);
      if (options.mayRemember?.() ?? true)
        for (const [key, value] of found)
          if (loading.get(key) === batch) entries.set(key, { value, loadedMs });
      return found;
    } finally {
      for (const key of batch.keys) if (loading.get(key) === batch) loading.delete(key);
      running--;
      startWaiting();
    }
  }

  function batchOf(key: string): Batch<Value> {
    const begun = loading.get(key);
    if (begun !== undefined) return begun;
    const open = waiting.at(-1);
    const batch = open !== undefined && open.keys.size < batchKeys ? open : createBatch();
    batch.keys.add(key);
    loading.set(key, batch);
    counts.misses++;
    return batch;
  }

  return {
    peek,
    async find(keys) {
      const found: (Value | undefined)[] = [];
      let missing:
        | { readonly index: number; readonly key: string; readonly batch: Batch<Value> }[]
        | undefined;
      for (let index = 0; index < keys.length; index++) {
        const key = keys[index] ?? '';
        const value = peek(key);
        found.push(value);
        if (value !== undefined) continue;
        missing ??= [];
        missing.push({ index, key, batch: batchOf(key) });
      }
      for (const { index, key, batch } of missing ?? []) found[index] = (await batch.result).get(key);
      return found;
    },
    async get(key) {
      return peek(key) ?? (await batchOf(key).result).get(key);
    },
    forget(key) {
      entries.delete(key);
      loading.delete(key);
    },
    forgetAll() {
      entries.clear();
      loading.clear();
    },
  };
}
