import {
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type HistogramConfiguration,
  type Metric,
  type Registry,
} from 'prom-client';

/**
 * A metric that several users of one registry share, such as the gRPC clients of a process: created by the first, found
 * by name by the others. A name always stands for one type of metric.
 *
 * @param create registers the metric under `name`
 */
export const sharedMetric = <Shared extends Metric>(
  registry: Registry,
  name: string,
  create: () => Shared,
): Shared => (registry.getSingleMetric(name) as Shared | undefined) ?? create();

/** A histogram that several users of one registry share. */
export const sharedHistogram = <Label extends string>(
  registry: Registry,
  config: Omit<HistogramConfiguration<Label>, 'registers'>,
): Histogram<Label> =>
  sharedMetric(registry, config.name, () => new Histogram({ ...config, registers: [registry] }));

/** A gauge that several users of one registry share. */
export const sharedGauge = <Label extends string>(
  registry: Registry,
  config: Omit<GaugeConfiguration<Label>, 'registers'>,
): Gauge<Label> => sharedMetric(registry, config.name, () => new Gauge({ ...config, registers: [registry] }));
