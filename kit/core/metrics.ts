import type { Metric, Registry } from 'prom-client';

/**
 * A metric that several users of one registry share, such as the gRPC clients of a process: created by the first, found
 * by name by the others.
 *
 * @param create registers the metric under `name`
 */
export function sharedMetric<Shared extends Metric>(
  registry: Registry,
  name: string,
  create: () => Shared,
): Shared {
  // A name always stands for one type of metric.
  return (registry.getSingleMetric(name) as Shared | undefined) ?? create();
}
