import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, Histogram } from 'prom-client';
import type { Runtime } from './runtime';

/** Seconds; from a cached read to the gateway's request timeout. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Rate, errors and duration of what a process answers; `route` is the pattern, so label values stay bounded. */
export const requestDurations = (runtime: Runtime) =>
  new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to answer an HTTP request, by route pattern',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: DURATION_BUCKETS,
    registers: [runtime.metrics],
  });

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
