import { backOffMs, sleep } from '../../core/back-off';
import { ID_WORKERS } from '../../core/ids';
import type { Runtime } from '../../core/runtime';
import { createWaker } from '../../core/waker';
import type { MysqlAddress } from '../address';
import type { Database } from '../database';
import { createIdMaker, type IdMaker } from './maker';
import { acquireWorker, type WorkerLease } from './worker-lease';

const PACE = { baseMs: 100, capMs: 2_000 };
const MANY_ATTEMPTS = 10;
const RENEW_EVERY_MS = 5_000;
const RETRY_MS = 1_000;

/**
 * Opens a generator of time-ordered ids (`kit/core/ids`) that are unique among the processes of a database, whatever happens
 * to clocks, connections and servers: each process holds a worker number by a lease, and acquires another when that is lost.
 * The generator waits while none is held.
 *
 * @returns the generator, once a number is held; 1,024 processes can hold one
 * @throws when the process shuts down before
 */
export async function openIdGenerator(
  runtime: Runtime,
  database: Database,
  address: MysqlAddress,
): Promise<() => Promise<string>> {
  const { log } = runtime;
  const stop = new AbortController();
  const attention = createWaker();
  const maker = createIdMaker(attention.wake);
  const first = Promise.withResolvers<void>();

  async function acquire(): Promise<WorkerLease | undefined> {
    for (let attempt = 1; !stop.signal.aborted; attempt++) {
      try {
        const lease = await acquireWorker(database, address, runtime.name);
        if (lease !== null) return lease;
        // At a start of many at once, others were faster.
        if (attempt === MANY_ATTEMPTS)
          log.error(`None of ${ID_WORKERS} worker numbers of ${address.database} is free; trying again`);
      } catch (failure) {
        if (attempt === 1) log.warn({ err: String(failure) }, 'No worker number for ids; trying again');
      }
      await sleep(backOffMs(attempt, PACE), stop.signal);
    }
    return undefined;
  }

  async function keep(): Promise<void> {
    for (;;) {
      const lease = await acquire();
      if (lease === undefined) return;
      maker.allow(lease.held);
      first.resolve();
      const reason = await keepWorker(lease, maker, { attention, stop: stop.signal });
      if (stop.signal.aborted) return;
      log.warn({ worker: lease.held.worker, reason }, 'A worker number for ids was given up');
    }
  }

  const keeping = keep();
  runtime.onClose('id worker', async () => {
    stop.abort();
    attention.wake();
    first.reject(new Error('The process shut down'));
    await keeping;
  });
  await first.promise;
  return maker.nextId;
}

/** Renews a worker number until it is lost, or of no use, and releases it in the end. @returns the reason */
async function keepWorker(
  lease: WorkerLease,
  maker: IdMaker,
  { attention, stop }: { attention: ReturnType<typeof createWaker>; stop: AbortSignal },
): Promise<string> {
  let end: string | undefined;
  const wake = (reason: string) => {
    end ??= reason;
    attention.wake();
  };
  lease.lost.then(() => wake('its connection was lost'));
  for (let pauseMs = RENEW_EVERY_MS; ; ) {
    await attention.wait(pauseMs);
    if (stop.aborted) end = 'shutdown';
    else if (maker.isBehind()) end ??= 'the clock was set back';
    if (end !== undefined) break;
    try {
      const held = await lease.renew();
      if (held === undefined) break;
      maker.allow(held);
      pauseMs = RENEW_EVERY_MS;
    } catch {
      // The maker stops by itself when that lasts too long. Whoever waits for an id does not hurry this.
      await sleep(RETRY_MS, stop);
      pauseMs = 0;
    }
  }
  const { lastMs } = maker;
  maker.allow(undefined);
  await lease.close(lastMs);
  return end ?? 'another process has taken it';
}
