import { ID_WORKERS } from '../../core/ids';
import type { MysqlAddress } from '../address';
import type { Database } from '../database';
import { LEASE_MS, TRUSTED_MS } from '../leases/lease-keeper';
import { acquireLease, type LeaseRow, listLeases, releaseLease, renewLease } from '../leases/store';
import { leaseHolder } from '../leases/with-lease';
import { type HeldWorker, ID_CLOCK, markAt } from './maker';
import { keepOldWorkersOff, OLD_WORKER_BITS } from './old-locks';

const PREFIX = 'id-worker:';
const OLD_WORKERS = 1 << OLD_WORKER_BITS;
const PER_OLD_WORKER = ID_WORKERS / OLD_WORKERS;

/** A worker number of id makers, held by this process. */
export interface WorkerLease {
  readonly held: HeldWorker;
  /** Settles when the number must not be used any more, although its lease goes on. */
  readonly lost: Promise<unknown>;
  /**
   * Prolongs the lease and raises its mark.
   *
   * @returns undefined when another process holds the number
   * @throws while the database is away
   */
  renew(): Promise<HeldWorker | undefined>;
  /** Releases the number. @param lastMs the time of the last id that was made; undefined when none was */
  close(lastMs: number | undefined): Promise<void>;
}

/**
 * Acquires a worker number that nobody holds, and whose earlier holders have made no id of the present or the future.
 *
 * @returns null when there is none, or others were faster
 */
export async function acquireWorker(
  database: Database,
  address: MysqlAddress,
  processName: string,
): Promise<WorkerLease | null> {
  const rows = new Map((await listLeases(database, PREFIX)).map((row) => [row.name, row] as const));
  const isUsable = (worker: number) => {
    const row = rows.get(nameOf(worker));
    return row === undefined || (row.isFree && row.mark < ID_CLOCK.nowMs());
  };
  for (const old of shuffled(OLD_WORKERS)) {
    const worker = shuffled(PER_OLD_WORKER)
      .map((each) => old * PER_OLD_WORKER + each)
      .find(isUsable);
    if (worker === undefined) continue;
    const lock = await keepOldWorkersOff(database, address, old);
    if (lock === null) continue;
    try {
      const row = rows.get(nameOf(worker));
      const lease = await acquireRow(database, { worker, row }, `${processName}, ${leaseHolder()}`);
      if (lease !== null)
        return {
          ...lease,
          lost: lock.lost,
          close: async (lastMs) => {
            await lease.close(lastMs);
            lock.close();
          },
        };
    } catch (failure) {
      lock.close();
      throw failure;
    }
    lock.close();
  }
  return null;
}

async function acquireRow(
  database: Database,
  { worker, row }: { worker: number; row: LeaseRow | undefined },
  holder: string,
): Promise<Omit<WorkerLease, 'lost'> | null> {
  const now = () => ({ sentAtMs: ID_CLOCK.monotonicMs(), markMs: markAt(ID_CLOCK.nowMs()) });
  const terms = (mark: number) => ({ holder, leaseMs: LEASE_MS, mark });
  const { sentAtMs, markMs } = now();
  const grant = await acquireLease(database, row ?? { name: nameOf(worker) }, terms(markMs));
  if (grant === null) return null;
  const afterMs = row?.mark ?? 0;
  let mark = markMs;
  return {
    held: { worker, afterMs, markMs, trustedUntilMs: sentAtMs + TRUSTED_MS },
    async renew() {
      const { sentAtMs, markMs } = now();
      if (!(await renewLease(database, grant, terms(markMs)))) return undefined;
      mark = Math.max(mark, markMs);
      return { worker, afterMs, markMs: mark, trustedUntilMs: sentAtMs + TRUSTED_MS };
    },
    // Otherwise it expires, and the mark stays where it is.
    close: (lastMs) => releaseLease(database, grant, lastMs ?? afterMs).catch(() => undefined),
  };
}

const nameOf = (worker: number): string => `${PREFIX}${worker}`;

/** The integers below `count` in a random order. */
function shuffled(count: number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [numbers[index], numbers[other]] = [numbers[other] ?? 0, numbers[index] ?? 0];
  }
  return numbers;
}
