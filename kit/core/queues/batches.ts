import { AsyncLocalStorage } from 'node:async_hooks';
import { sleep } from '../back-off';

export interface BatchSettings<Item> {
  /** The largest batch, in the unit of `sizeOf`; a larger item has a batch of its own. */
  readonly maxSize: number;
  /** 1 for each item by default. */
  readonly sizeOf?: (item: Item) => number;
  /**
   * Under load batches start at least this far apart, so that they grow instead of following each other with an item each.
   * A call after a pause is handled at once. 0 by default.
   */
  readonly paceMs?: number;
  /** Batches handled concurrently; 1 by default. */
  readonly concurrency?: number;
  /** Whether a failure has nothing to do with the items, such as an outage: then they are not tried one by one. */
  readonly isOutage?: (failure: unknown) => boolean;
}

interface Pending<Item, Result> {
  readonly item: Item;
  readonly result: PromiseWithResolvers<Result>;
  /** Runs work in the context of the caller, which holds its trace. */
  readonly inContext: <Returned>(work: () => Returned) => Returned;
}

/**
 * Handles calls that arrive while others are handled in batches, in the order of the calls: group commit, as databases call
 * it. A batch runs in the context (trace) of its first call.
 *
 * When a batch fails its items are handled one by one, so that one item does not fail the others: `handle` must leave nothing
 * behind when it throws, or be idempotent. How many calls wait is bounded by the callers.
 *
 * @param handle returns a result for each item, in their order
 * @returns settles for each caller as the handling of its own item did
 */
export function batchCalls<Item, Result>(
  handle: (items: readonly Item[]) => Promise<readonly Result[]>,
  settings: BatchSettings<Item>,
  clock: { now(): number; sleep(ms: number): Promise<void> } = { now: () => performance.now(), sleep },
): (item: Item) => Promise<Result> {
  const { maxSize, sizeOf = () => 1, paceMs = 0, concurrency = 1, isOutage = () => false } = settings;
  const queue: Pending<Item, Result>[] = [];
  let running = 0;
  let startedAt = Number.NEGATIVE_INFINITY;

  async function handleAll(): Promise<void> {
    running++;
    while (queue.length > 0) {
      const restMs = startedAt + paceMs - clock.now();
      if (restMs > 0) await clock.sleep(restMs);
      const batch = takeBatch();
      if (batch.length === 0) break;
      startedAt = clock.now();
      await handleBatch(batch);
    }
    running--;
  }

  async function handleBatch(batch: readonly Pending<Item, Result>[]): Promise<void> {
    try {
      const results = await batch[0]?.inContext(() => handle(batch.map(({ item }) => item)));
      if (results?.length !== batch.length) throw new Error('a batch returned another number of results');
      for (const [index, result] of results.entries()) batch[index]?.result.resolve(result);
    } catch (failure) {
      if (batch.length > 1 && !isOutage(failure)) for (const pending of batch) await handleBatch([pending]);
      else for (const { result } of batch) result.reject(failure);
    }
  }

  function takeBatch(): Pending<Item, Result>[] {
    let size = 0;
    let count = 0;
    for (const { item } of queue) {
      size += sizeOf(item);
      if (count > 0 && size > maxSize) break;
      count++;
    }
    return queue.splice(0, count);
  }

  return (item) => {
    const result = Promise.withResolvers<Result>();
    queue.push({ item, result, inContext: AsyncLocalStorage.snapshot() });
    if (running < concurrency) void handleAll();
    return result.promise;
  };
}
