import { AggregatorRegistry } from 'prom-client';
import type { Gathered, Metrics } from './messages';

/** The metrics of all workers as those of one gateway. */
export interface MergedMetrics {
  /** @param own the supervisor's @returns Prometheus' text format */
  text(gathered: Gathered, own: Metrics): Promise<string>;
  /** Keeps what it had counted when it was last asked. */
  ended(worker: number): void;
}

/**
 * Counts are added up, and never go down: what a worker had counted stays in the sum while it is silent and after it
 * has ended. Prometheus would take a smaller sum for a restart, and all of it for new.
 */
export function createMergedMetrics(): MergedMetrics {
  const counted = new Map<number, Metrics>();
  let past: Metrics[] = [];

  return {
    async text({ answers, silent }, own) {
      const present: Metrics[] = [];
      for (const { worker, knowledge } of answers) {
        if (knowledge.metrics === undefined) continue;
        present.push(knowledge.metrics);
        counted.set(worker, countsOf(knowledge.metrics));
      }
      for (const worker of silent) present.push(counted.get(worker) ?? []);
      if (past.length > 1) past = [await AggregatorRegistry.aggregate(past).getMetricsAsJSON()];
      return AggregatorRegistry.aggregate([...present, ...past, own]).metrics();
    },
    ended(worker) {
      past.push(counted.get(worker) ?? []);
      counted.delete(worker);
    },
  };
}

const CUMULATIVE = new Set(['counter', 'histogram', 'summary']);
const countsOf = (metrics: Metrics) => metrics.filter(({ type }) => CUMULATIVE.has(String(type)));
