import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge } from 'prom-client';
import type { Runtime } from './runtime';

/** Memory, uptime and event-loop lag, measured when they are asked for. */
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
    // Of processes that are told of as one.
    aggregator: 'max',
    registers,
    collect() {
      this.set(process.uptime());
    },
  });
  new Gauge({
    name: 'event_loop_lag_seconds',
    help: 'Highest event-loop delay since it was last asked for',
    aggregator: 'max',
    registers,
    collect() {
      this.set(lag.max / 1e9);
      lag.reset();
    },
  });
}
