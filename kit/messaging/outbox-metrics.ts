import { Counter, Gauge } from 'prom-client';
import { type Runtime, withTimeout } from '../core/runtime';
import { singleFlight } from '../core/single-flight';
import type { Database } from '../mysql/database';
import { type Destination, measurePending } from './outbox-claim';

const MEASURE_TIMEOUT_MS = 2_000;

/** Registers the backlog of the outbox, measured at scrape time, and returns the counters of its relay. */
export function observeOutbox(runtime: Runtime, database: Database, destinations: readonly Destination[]) {
  const registers = [runtime.metrics];
  const labelNames = ['destination'] as const;
  const measure = singleFlight(async () => {
    const measured = Promise.all(
      destinations.map(async (destination) => ({
        destination,
        ...(await measurePending(database, destination)),
      })),
    );
    try {
      return await withTimeout(measured, MEASURE_TIMEOUT_MS, 'measuring the outbox');
    } catch (failure) {
      // All other metrics are still served.
      runtime.log.warn({ err: failure }, 'Measuring the outbox failed');
      return [];
    }
  });

  new Gauge({
    name: 'outbox_oldest_unsent_seconds',
    help: 'Age of the oldest unsent outbox row',
    labelNames,
    registers,
    async collect() {
      for (const { destination, oldestSeconds } of await measure()) this.set({ destination }, oldestSeconds);
    },
  });
  new Gauge({
    name: 'outbox_unsent_rows',
    help: 'Outbox rows not confirmed by a broker',
    labelNames,
    registers,
    async collect() {
      for (const { destination, rows } of await measure()) this.set({ destination }, rows);
    },
  });
  new Gauge({
    name: 'outbox_refused_rows',
    help: 'Outbox rows that their broker refuses; they are retried',
    labelNames,
    registers,
    async collect() {
      for (const { destination, refused } of await measure()) this.set({ destination }, refused);
    },
  });
  return {
    sent: new Counter({
      name: 'outbox_sent_total',
      help: 'Outbox rows confirmed by a broker',
      labelNames,
      registers,
    }),
    failures: new Counter({
      name: 'outbox_failures_total',
      help: 'Attempts to send an outbox row that were not confirmed',
      labelNames,
      registers,
    }),
  };
}
