import type { PoolConnection } from 'mysql2';
import type { Pool } from 'mysql2/promise';
import { DependencyUnavailable } from '../errors/problem';

const QUEUES = ['_allConnections', '_freeConnections'] as const;

/** Private to mysql2, but available nowhere else: its events omit broken connections. */
export type PoolQueues = Readonly<
  Record<(typeof QUEUES)[number], { readonly length: number; get(index: number): PoolConnection }>
>;

/**
 * The connections of a pool.
 *
 * @throws when this version of mysql2 keeps them elsewhere
 */
export function queuesOf({ pool }: Pool): PoolQueues {
  const inner: unknown = pool;
  if (!hasQueues(inner)) throw new Error('This version of mysql2 keeps its connections elsewhere');
  return inner;
}

/** How many callers may wait for a connection, and how long. */
export interface PoolLimits {
  /** The pool's `connectionLimit`. */
  readonly connections: number;
  readonly waiting: number;
  readonly waitMs: number;
}

/**
 * Bounds how many callers wait for a connection, and how long: beyond that they are rejected with DependencyUnavailable. A
 * connection that comes later goes to the next, so that after an outage of the database it first serves those who still
 * wait. mysql2's own `queueLimit` rejects with a plain error that can only be identified by its message, and waits for ever.
 *
 * @param dropped called with the reason of each rejection
 */
export function limitQueue(
  pool: Pool,
  limits: PoolLimits,
  dropped: (reason: 'full' | 'expired') => void,
): PoolQueue {
  const queues = queuesOf(pool);
  const core = pool.pool;
  const getConnection = core.getConnection.bind(core);
  let waiting = 0;

  function wait(callback: Callback) {
    waiting++;
    let isWaiting = true;
    const stopWaiting = () => {
      isWaiting = false;
      waiting--;
    };
    const timer = setTimeout(() => {
      stopWaiting();
      dropped('expired');
      rejectCaller(callback, `No database connection was free within ${limits.waitMs} ms`);
    }, limits.waitMs);
    getConnection((failure, connection) => {
      if (!isWaiting) {
        connection?.release();
        return;
      }
      clearTimeout(timer);
      stopWaiting();
      callback(failure, connection);
    });
  }

  core.getConnection = (callback) => {
    // Otherwise a caller does not wait; the pool retries its own waiters this way.
    const isExhausted =
      queues._allConnections.length >= limits.connections && queues._freeConnections.length === 0;
    if (!isExhausted) getConnection(callback);
    else if (waiting < limits.waiting) wait(callback);
    else {
      dropped('full');
      rejectCaller(callback, `${waiting} callers already wait for a database connection`);
    }
  };
  return {
    get waiting() {
      return waiting;
    },
  };
}

/** Callers who wait for a connection; mysql2 counts those as well who have been rejected. */
export interface PoolQueue {
  readonly waiting: number;
}

type Callback = Parameters<Pool['pool']['getConnection']>[0];

function rejectCaller(callback: Callback, reason: string): void {
  const failure = new DependencyUnavailable({ headers: { 'retry-after': '1' }, cause: new Error(reason) });
  // The types of the driver allow its own errors only.
  Reflect.apply(callback, undefined, [failure]);
}

const hasQueues = (pool: unknown): pool is PoolQueues =>
  typeof pool === 'object' && pool !== null && QUEUES.every((name) => name in pool);
