import type { Pool } from 'mysql2/promise';
import { DependencyUnavailable } from '../errors/problem';

const QUEUES = ['_allConnections', '_freeConnections', '_connectionQueue'] as const;

/** Private to mysql2, but available nowhere else: its events omit broken connections and ended waits. */
export type PoolQueues = Readonly<Record<(typeof QUEUES)[number], { readonly length: number }>>;

/**
 * The connections of a pool and the callers waiting for one.
 *
 * @throws when this version of mysql2 keeps them elsewhere
 */
export function queuesOf({ pool }: Pool): PoolQueues {
  const inner: unknown = pool;
  if (!hasQueues(inner)) throw new Error('This version of mysql2 keeps its connections elsewhere');
  return inner;
}

/**
 * Bounds how many callers wait for a connection, who are rejected with DependencyUnavailable beyond that. mysql2's own
 * `queueLimit` rejects with a plain error that can only be identified by its message.
 *
 * @param limits.connections the pool's `connectionLimit`
 */
export function limitQueue(pool: Pool, limits: { connections: number; waiting: number }): void {
  const queues = queuesOf(pool);
  const core = pool.pool;
  const getConnection = core.getConnection.bind(core);
  core.getConnection = (callback) => {
    // Unless all connections are open, a caller does not wait; the pool retries its own waiters this way.
    const isExhausted = queues._allConnections.length >= limits.connections;
    if (isExhausted && queues._connectionQueue.length >= limits.waiting)
      rejectCaller(callback, limits.waiting);
    else getConnection(callback);
  };
}

type Callback = Parameters<Pool['pool']['getConnection']>[0];

function rejectCaller(callback: Callback, waiting: number): void {
  const cause = new Error(`${waiting} callers already wait for a database connection`);
  const failure = new DependencyUnavailable({ headers: { 'retry-after': '1' }, cause });
  // The types of the driver allow its own errors only.
  Reflect.apply(callback, undefined, [failure]);
}

const hasQueues = (pool: unknown): pool is PoolQueues =>
  typeof pool === 'object' && pool !== null && QUEUES.every((name) => name in pool);
