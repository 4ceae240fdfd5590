import type { Pool } from 'mysql2/promise';
import { Gauge } from 'prom-client';
import type { Runtime } from '../core/runtime';

/** How many connections a pool has open, how many of them are in use, and how many callers wait for one. */
export function observePool(runtime: Runtime, { pool }: Pool): void {
  const inside: unknown = pool;
  if (!hasQueues(inside)) throw new Error('This version of mysql2 keeps its connections elsewhere');
  new Gauge({
    name: 'mysql_pool_connections',
    help: 'Connections to the database: open ones, those in use, and callers that wait for one',
    labelNames: ['state'] as const,
    registers: [runtime.metrics],
    collect() {
      const open = inside._allConnections.length;
      this.set({ state: 'open' }, open);
      this.set({ state: 'in_use' }, open - inside._freeConnections.length);
      this.set({ state: 'waiting' }, inside._connectionQueue.length);
    },
  });
}

const QUEUES = ['_allConnections', '_freeConnections', '_connectionQueue'] as const;

/** The pool tells these numbers nowhere else: its events leave out connections that break, and waits that end. */
type PoolQueues = Readonly<Record<(typeof QUEUES)[number], { readonly length: number }>>;

const hasQueues = (pool: unknown): pool is PoolQueues =>
  typeof pool === 'object' && pool !== null && QUEUES.every((name) => name in pool);
