import type { Pool } from 'mysql2/promise';
import { Gauge } from 'prom-client';
import type { Runtime } from '../core/runtime';
import { type PoolQueue, queuesOf } from './pool-queue';

/** Registers the state of a pool: open connections, those in use, and callers waiting for one. */
export function observePool(runtime: Runtime, pool: Pool, queue: PoolQueue): void {
  const queues = queuesOf(pool);
  new Gauge({
    name: 'mysql_pool_connections',
    help: 'Database connections by state: open, in use, and callers waiting for one',
    labelNames: ['state'] as const,
    registers: [runtime.metrics],
    collect() {
      const open = queues._allConnections.length;
      this.set({ state: 'open' }, open);
      this.set({ state: 'in_use' }, open - queues._freeConnections.length);
      this.set({ state: 'waiting' }, queue.waiting);
    },
  });
}
