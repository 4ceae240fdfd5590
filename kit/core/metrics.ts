import { isDeepStrictEqual } from 'node:util';
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

/** What prom-client keeps of one combination of labels. */
interface SeriesValues {
  labels: object;
  sum: number;
  count: number;
  readonly bucketValues: Record<number, number>;
}

/**
 * One combination of labels of a histogram, found once: prom-client checks and hashes the labels of every observation,
 * which costs more than all else that is measured about a small request.
 *
 * @param buckets those of the histogram
 * @returns observes a value
 */
export function histogramSeries<Label extends string>(
  histogram: Histogram<Label>,
  labels: Partial<Record<Label, string | number>>,
  buckets: readonly number[],
): (value: number) => void {
  // Several users may share a histogram: what one has observed stays.
  const own = { ...labels };
  const find = () => {
    const all: Record<string, SeriesValues> = Reflect.get(histogram, 'hashMap');
    return Object.values(all).find((one) => isDeepStrictEqual(one.labels, own));
  };
  if (find() === undefined) histogram.zero(own);
  const series = find();
  // Another version of the library may keep it elsewhere.
  if (series === undefined) return (value) => histogram.observe(own, value);
  return (value) => {
    const bucket = buckets.find((bound) => value <= bound);
    series.sum += value;
    series.count++;
    if (bucket !== undefined) series.bucketValues[bucket] = (series.bucketValues[bucket] ?? 0) + 1;
  };
}
