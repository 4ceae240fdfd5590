import { Counter, type Registry } from 'prom-client';
import { sharedGauge, sharedHistogram, sharedMetric } from '../metrics';

/** Why a task was not run. */
export type DropReason =
  /** Too many others were waiting. */
  | 'full'
  /** It gave way to others, or service times have risen. */
  | 'displaced'
  /** Its time was over while it waited. */
  | 'expired'
  /** Its caller had gone. */
  | 'abandoned';

export interface QueueMetrics {
  changed(running: number, waiting: number, meanMs: number): void;
  waited(ms: number): void;
  dropped(reason: DropReason): void;
}

/** The metrics of a queue, shared by all queues of a process. */
export function observeQueue(registry: Registry, queue: string): QueueMetrics {
  const tasks = sharedGauge(registry, {
    name: 'work_queue_tasks',
    help: 'Tasks by state: running, and waiting for their turn',
    labelNames: ['queue', 'state'] as const,
  });
  const mean = sharedGauge(registry, {
    name: 'work_queue_service_time_seconds',
    help: 'Mean time to run a task, exponentially weighted, from which the number of admitted tasks follows',
    labelNames: ['queue'] as const,
  }).labels({ queue });
  const waits = sharedHistogram(registry, {
    name: 'work_queue_wait_seconds',
    help: 'Time that tasks waited for their turn, of those that had to wait',
    labelNames: ['queue'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5],
  }).labels({ queue });
  const drops = observeDrops(registry);
  const running = tasks.labels({ queue, state: 'running' });
  const waiting = tasks.labels({ queue, state: 'waiting' });
  return {
    changed(runningTasks, waitingTasks, meanMs) {
      running.set(runningTasks);
      waiting.set(waitingTasks);
      mean.set(meanMs / 1_000);
    },
    waited: (ms) => waits.observe(ms / 1_000),
    dropped: (reason) => drops.inc({ queue, reason }),
  };
}

/** Counts what queues have dropped, also those of a library. */
export const observeDrops = (registry: Registry): Counter<'queue' | 'reason'> =>
  sharedMetric(
    registry,
    'work_queue_dropped_total',
    () =>
      new Counter({
        name: 'work_queue_dropped_total',
        help: 'Tasks that were not run: the queue was full, others took their place, their time was over, or their caller had gone',
        labelNames: ['queue', 'reason'] as const,
        registers: [registry],
      }),
  );
