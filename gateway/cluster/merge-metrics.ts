import { AggregatorRegistry } from 'prom-client';
import type { ClusterReports, Metrics } from './messages';

/** Merges the metrics of all workers into those of one gateway. */
export interface MergedMetrics {
  /** @param own the supervisor's @returns Prometheus' text format */
  text(reports: ClusterReports, own: Metrics): Promise<string>;
  /** Retains the last reported counts of a worker that has ended. */
  ended(worker: number): void;
}

/**
 * Counters are summed and never decrease: the last counts of a worker stay in the sum while it is unresponsive and after
 * it has ended. Prometheus would take a lower sum for a counter reset.
 */
export function createMergedMetrics(): MergedMetrics {
  const lastCounts = new Map<number, Metrics>();
  let past: Metrics[] = [];

  return {
    async text({ reports, unresponsive }, own) {
      const present: Metrics[] = [];
      for (const { worker, report } of reports) {
        if (report.metrics === undefined) continue;
        present.push(report.metrics);
        lastCounts.set(worker, countsOf(report.metrics));
      }
      for (const worker of unresponsive) present.push(lastCounts.get(worker) ?? []);
      if (past.length > 1) past = [await AggregatorRegistry.aggregate(past).getMetricsAsJSON()];
      return AggregatorRegistry.aggregate([...present, ...past, own]).metrics();
    },
    ended(worker) {
      past.push(lastCounts.get(worker) ?? []);
      lastCounts.delete(worker);
    },
  };
}

const CUMULATIVE = new Set(['counter', 'histogram', 'summary']);
const countsOf = (metrics: Metrics) => metrics.filter(({ type }) => CUMULATIVE.has(String(type)));
