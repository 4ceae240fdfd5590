import { Counter, Gauge, Histogram, type HistogramConfiguration, type Registry } from 'prom-client';

/** What is counted of one route and status class: numbers only, so that a request costs no look-up by labels. */
export interface Observation {
  readonly labels: { readonly route: string; readonly status_class: string };
  /** By bucket, each without the ones below it; the last is for everything slower than all bounds. */
  readonly counts: number[];
  sumSeconds: number;
  count: number;
}

export interface AccessMetrics {
  observe(route: string, status: number, durationMs: number): void;
  retried(route: string, times: number): void;
}

/** What the data plane has open now. */
export interface Open {
  requests: number;
  connections: number;
  tunnels: number;
}

const LABEL_NAMES = ['route', 'status_class'] as const;
const BOUNDS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const STATUS_CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'];

export function createAccessMetrics(registry: Registry, open: Readonly<Open>): AccessMetrics {
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
    help: 'Requests answered, by route pattern and status class',
    labelNames: LABEL_NAMES,
    registers,
    collect() {
      this.reset();
      for (const { labels, count } of observations) this.inc({ ...labels }, count);
    },
  });
  const retries = new Counter({
    name: 'gateway_upstream_retries_total',
    help: 'Further tries at another instance',
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
  gauge('gateway_requests_in_flight', 'Requests being answered now', () => open.requests);
  gauge('gateway_client_connections', 'Connections of clients open now', () => open.connections);
  gauge('gateway_tunnels_open', 'WebSockets and the like open now', () => open.tunnels);

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
    retried: (route, times) => retries.inc({ route }, times),
  };
}

type LabelName = (typeof LABEL_NAMES)[number];

/** A histogram whose numbers are kept elsewhere; the library's own costs a text made of the labels for each request. */
class CountedHistogram extends Histogram<LabelName> {
  constructor(
    private readonly observations: readonly Observation[],
    private readonly options: HistogramConfiguration<LabelName>,
  ) {
    super(options);
  }

  /** What the registry asks, and what the library's own `get` is made of. */
  async getForPromString() {
    const { name, help } = this.options;
    const values = this.observations.flatMap((observation) => samplesOf(name, observation));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }
}

/** Prometheus buckets are cumulative, and end with one for everything. */
function samplesOf(name: string, { labels: sharedLabels, counts, sumSeconds, count }: Observation) {
  let cumulated = 0;
  const buckets = counts.map((within, index) => {
    cumulated += within;
    const le = BOUNDS_SECONDS[index] ?? '+Inf';
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: cumulated };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sumSeconds },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
  ];
}
