import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge } from 'prom-client';
import type { Runtime } from './runtime';

/** Registers memory, uptime and event-loop lag, measured at scrape time. */
export function observeProcess(runtime: Runtime): void {
  const lag = monitorEventLoopDelay({ resolution: 20 });
  lag.enable();
  runtime.onClose('event-loop monitor', () => void lag.disable());
  const registers = [runtime.metrics];
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'process_uptime_seconds',
    help: 'Time since the process started',
    // Where several processes are scraped as one.
    aggregator: 'max',
    registers,
    collect() {
      this.set(process.uptime());
    },
  });
  new Gauge({
    name: 'event_loop_lag_seconds',
    help: 'Maximum event-loop delay since the last scrape',
    aggregator: 'max',
    registers,
    collect() {
      this.set(lag.max / 1e9);
      lag.reset();
    },
  });
}
