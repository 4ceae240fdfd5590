import { sharedGauge, sharedHistogram } from '../core/metrics';
import type { Runtime } from '../core/runtime';

/** Seconds; from one inserted row to a rendered video. */
const DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300];
/** Seconds; a backlog is minutes or hours old. */
const AGE_BUCKETS = [0.05, 0.25, 1, 5, 30, 120, 600, 3600, 21_600, 86_400];

export type DeliveryMetrics = ReturnType<typeof deliveryMetrics>;

/** The metrics of message handling, shared by all consumers of a process. */
export const deliveryMetrics = ({ metrics }: Runtime) => ({
  duration: sharedHistogram(metrics, {
    name: 'message_handling_duration_seconds',
    help: 'Time to handle and settle a message, by outcome',
    labelNames: ['source', 'name', 'outcome'] as const,
    buckets: DURATION_BUCKETS,
  }),
  age: sharedHistogram(metrics, {
    name: 'message_age_seconds',
    help: 'Time from the creation of a message to the end of its handling',
    labelNames: ['source', 'name'] as const,
    buckets: AGE_BUCKETS,
  }),
  inFlight: sharedGauge(metrics, {
    name: 'messages_in_flight',
    help: 'Messages being handled',
    labelNames: ['source'] as const,
  }),
});
