import { Gauge, type Registry } from 'prom-client';
import { histogramSeries, sharedHistogram, sharedMetric } from '../core/metrics';
import type { Runtime } from '../core/runtime';

/** Seconds; from one inserted row to a rendered video. */
const DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300];
/** Seconds; a backlog is minutes or hours old. */
const AGE_BUCKETS = [0.05, 0.25, 1, 5, 30, 120, 600, 3600, 21_600, 86_400];
const IN_FLIGHT = 'messages_in_flight';

/** Measures the handling of the messages of one queue or tube. */
export interface DeliveryMetrics {
  started(): void;
  /** @param message undefined when it could not be parsed */
  ended(
    message: { name: string; occurred_at: string } | undefined,
    outcome: string,
    durationMs: number,
  ): void;
}

/**
 * The metrics of message handling, shared by all consumers of a process.
 *
 * @param source queue or tube
 */
export function deliveryMetrics({ metrics }: Runtime, source: string): DeliveryMetrics {
  const duration = sharedHistogram(metrics, {
    name: 'message_handling_duration_seconds',
    help: 'Time to handle and settle a message, by outcome',
    labelNames: ['source', 'name', 'outcome'] as const,
    buckets: DURATION_BUCKETS,
  });
  const age = sharedHistogram(metrics, {
    name: 'message_age_seconds',
    help: 'Time from the creation of a message to the end of its handling',
    labelNames: ['source', 'name'] as const,
    buckets: AGE_BUCKETS,
  });
  const { counts } = sharedMetric(metrics, IN_FLIGHT, () => inFlightGauge(metrics));
  const count = (by: number) => counts.set(source, (counts.get(source) ?? 0) + by);
  const durationOf = known((name, outcome) =>
    histogramSeries(duration, { source, name, outcome }, DURATION_BUCKETS),
  );
  const ageOf = known((name) => histogramSeries(age, { source, name }, AGE_BUCKETS));
  return {
    started: () => void count(1),
    ended(message, outcome, durationMs) {
      count(-1);
      durationOf(message?.name ?? 'unknown', outcome)(durationMs / 1000);
      if (message === undefined) return;
      const ageMs = Math.max(0, Date.now() - Date.parse(message.occurred_at));
      ageOf(message.name, '')(ageMs / 1000);
    },
  };
}

type Observe = (seconds: number) => void;

/** Finds each series once. The names are those of definitions: few. */
function known(find: (name: string, outcome: string) => Observe): typeof find {
  const series = new Map<string, Observe>();
  return (name, outcome) => {
    const key = `${name} ${outcome}`;
    const present = series.get(key) ?? find(name, outcome);
    series.set(key, present);
    return present;
  };
}

/** Counted here: the library hashes the labels with every change. */
function inFlightGauge(metrics: Registry): Gauge<'source'> & { readonly counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const gauge = new Gauge({
    name: IN_FLIGHT,
    help: 'Messages being handled',
    labelNames: ['source'] as const,
    registers: [metrics],
    collect() {
      for (const [source, count] of counts) this.set({ source }, count);
    },
  });
  return Object.assign(gauge, { counts });
}
