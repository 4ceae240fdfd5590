const REPORT_EVERY_MS = 2_000;

/**
 * Processes items in order with bounded concurrency and shows the progress: on a terminal in one line, otherwise every
 * two seconds.
 *
 * @returns the results in the order of the items
 * @throws the first failure, once the work in progress has ended
 */
export async function inParallel<Item, Result>(
  label: string,
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const progress = showProgress(label, items.length);
  let next = 0;
  let failed = false;
  const runWorker = async () => {
    while (next < items.length && !failed) {
      const index = next++;
      const item = items[index];
      if (item === undefined) continue;
      try {
        results[index] = await work(item);
      } catch (failure) {
        failed = true;
        throw failure;
      }
      progress.step();
    }
  };
  const workers = Array.from({ length: Math.min(concurrency, items.length) }, runWorker);
  const outcomes = await Promise.allSettled(workers);
  progress.end();
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}

function showProgress(label: string, total: number) {
  const started = performance.now();
  const terminal = process.stdout.isTTY;
  let done = 0;
  let reported = started;
  const line = () => {
    const seconds = (performance.now() - started) / 1000;
    return `  ${label.padEnd(12)} ${done} of ${total}  ${seconds.toFixed(1)} s  ${Math.round(done / Math.max(seconds, 0.001))}/s`;
  };
  return {
    step() {
      done++;
      const now = performance.now();
      if (now - reported < (terminal ? 100 : REPORT_EVERY_MS)) return;
      reported = now;
      process.stdout.write(terminal ? `\r\x1b[K${line()}` : `${line()}\n`);
    },
    end() {
      process.stdout.write(terminal ? `\r\x1b[K${line()}\n` : `${line()}\n`);
    },
  };
}
