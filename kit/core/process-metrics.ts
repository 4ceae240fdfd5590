import { Gauge } from 'prom-client';
import { observeEventLoopLag } from './event-loop-lag';
import type { Runtime } from './runtime';

/** Registers memory, uptime and event-loop lag of the process, which programs that share it all report. */
export function observeProcess(runtime: Runtime): void {
  const lag = observeEventLoopLag();
  runtime.onClose('event-loop monitor', () => lag.stop());
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
      this.set(lag.takeMaxMs() / 1_000);
    },
  });
}
