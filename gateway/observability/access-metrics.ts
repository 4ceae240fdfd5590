import { Counter, Gauge, Histogram, type HistogramConfiguration, type Registry } from 'prom-client';

/** The counts of one route and status class: plain numbers, so that a request costs no look-up by labels. */
export interface Observation {
  readonly labels: { readonly route: string; readonly status_class: string };
  /** By bucket, not cumulative; the last is for everything above all bounds. */
  readonly counts: number[];
  sumSeconds: number;
  count: number;
}

export interface AccessMetrics {
  observe(route: string, status: number, durationMs: number): void;
  retried(route: string, count: number): void;
}

/** What is open in the data plane now. */
export interface DataPlaneGauges {
  requests: number;
  connections: number;
  tunnels: number;
}

const LABEL_NAMES = ['route', 'status_class'] as const;
const BOUNDS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const STATUS_CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'];

export function createAccessMetrics(registry: Registry, gauges: Readonly<DataPlaneGauges>): AccessMetrics {
  const registers = [registry];
  const byRoute = new Map<string, (Observation | undefined)[]>();
  const observations: Observation[] = [];
  new CountedHistogram(observations, {
    name: 'gateway_request_duration_seconds',
    help: 'From the last byte of a request head to the last byte of its response',
    labelNames: LABEL_NAMES,
    buckets: BOUNDS_SECONDS,
    registers,
  });
  new Counter({
    name: 'gateway_requests_total',
    help: 'Completed requests, by route pattern and status class',
    labelNames: LABEL_NAMES,
    registers,
    collect() {
      this.reset();
      for (const { labels, count } of observations) this.inc({ ...labels }, count);
    },
  });
  const retries = new Counter({
    name: 'gateway_upstream_retries_total',
    help: 'Retries and hedges',
    labelNames: ['route'] as const,
    registers,
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('gateway_requests_in_flight', 'Requests in flight', () => gauges.requests);
  gauge('gateway_client_connections', 'Open client connections', () => gauges.connections);
  gauge('gateway_tunnels_open', 'Open tunnels, such as WebSockets', () => gauges.tunnels);

  function observationOf(route: string, statusClass: number): Observation {
    let classes = byRoute.get(route);
    if (classes === undefined) {
      classes = [];
      byRoute.set(route, classes);
    }
    const known = classes[statusClass];
    if (known !== undefined) return known;
    const labels = { route, status_class: STATUS_CLASSES[statusClass] ?? 'other' };
    const counts = Array.from({ length: BOUNDS_SECONDS.length + 1 }, () => 0);
    const observation = { labels, counts, sumSeconds: 0, count: 0 };
    classes[statusClass] = observation;
    observations.push(observation);
    return observation;
  }

  return {
    observe(route, status, durationMs) {
      const statusClass = status >= 100 && status < 600 ? Math.floor(status / 100) : 0;
      const observation = observationOf(route, statusClass);
      const seconds = durationMs / 1000;
      let bucket = 0;
      while (bucket < BOUNDS_SECONDS.length && seconds > (BOUNDS_SECONDS[bucket] ?? 0)) bucket++;
      observation.counts[bucket] = (observation.counts[bucket] ?? 0) + 1;
      observation.sumSeconds += seconds;
      observation.count++;
    },
    retried: (route, count) => retries.inc({ route }, count),
  };
}

type LabelName = (typeof LABEL_NAMES)[number];

/** A histogram over external counts; the library's own builds a key of the labels for each observation. */
class CountedHistogram extends Histogram<LabelName> {
  constructor(
    private readonly observations: readonly Observation[],
    private readonly options: HistogramConfiguration<LabelName>,
  ) {
    super(options);
  }

  /** Called by the registry, and by the library's own `get`. */
  async getForPromString() {
    const { name, help } = this.options;
    const values = this.observations.flatMap((observation) => samplesOf(name, observation));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }
}

/** Prometheus buckets are cumulative, and end with `+Inf`. */
function samplesOf(name: string, { labels: sharedLabels, counts, sumSeconds, count }: Observation) {
  let cumulative = 0;
  const buckets = counts.map((inBucket, index) => {
    cumulative += inBucket;
    const le = BOUNDS_SECONDS[index] ?? '+Inf';
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: cumulative };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sumSeconds },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
  ];
}
