import { Counter, Gauge } from 'prom-client';
import { type Runtime, withTimeout } from '../core/runtime';
import { singleFlight } from '../core/single-flight';
import type { Database } from '../mysql/database';
import { type Destination, measurePending } from './outbox-claim';

const MEASURE_TIMEOUT_MS = 2_000;

/** What tells whether messages get out: how many wait, for how long, how many were sent, how many attempts failed. */
export function observeOutbox(runtime: Runtime, database: Database, destinations: readonly Destination[]) {
  const registers = [runtime.metrics];
  const labelNames = ['destination'] as const;
  const measure = singleFlight(async () => {
    const asked = Promise.all(
      destinations.map(async (destination) => ({
        destination,
        ...(await measurePending(database, destination)),
      })),
    );
    try {
      return await withTimeout(asked, MEASURE_TIMEOUT_MS, 'measuring the outbox');
    } catch (failure) {
      // Metrics of everything else are still worth having.
      runtime.log.warn({ err: failure }, 'the outbox could not be measured');
      return [];
    }
  });

  new Gauge({
    name: 'outbox_oldest_unsent_seconds',
    help: 'How long the oldest unsent outbox row has waited',
    labelNames,
    registers,
    async collect() {
      for (const { destination, oldestSeconds } of await measure()) this.set({ destination }, oldestSeconds);
    },
  });
  new Gauge({
    name: 'outbox_unsent_rows',
    help: 'Outbox rows the broker has not confirmed',
    labelNames,
    registers,
    async collect() {
      for (const { destination, rows } of await measure()) this.set({ destination }, rows);
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
