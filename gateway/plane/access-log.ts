import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Logger } from '#kit/log';
import type { RequestContext } from './request-context';

/** How one request ended. */
export interface Outcome {
  readonly route: string;
  /** 499 when the client left before the response was whole. */
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly instanceId?: string;
  readonly retries?: number;
  readonly code?: string;
}

/** One line and one observation for each request, and the gauges of the data plane. */
export interface AccessLog {
  readonly activeRequests: number;
  begin(): void;
  end(context: RequestContext, outcome: Outcome): void;
  /** Bytes that were no request: there is no head to tell of. */
  unreadable(clientAddress: string, status: number, code: string): void;
  connected(change: 1 | -1): void;
  tunnel(change: 1 | -1): void;
}

/** What is counted of one route and status class. */
interface Observation {
  readonly labels: { route: string; status_class: string };
  readonly duration: { observe(seconds: number): void };
  uncollected: number;
}

/** Client Closed Request, as nginx counts it. Never sent. */
export const CLIENT_LEFT = 499;

export function createAccessLog(log: Logger, registry: Registry): AccessLog {
  // A line has these fields and no others, none of them secret. Looking for secrets in it costs six times
  // as much as writing it, for every request.
  const lines = log.child({}, { redact: [] });
  let activeRequests = 0;
  let connections = 0;
  let tunnels = 0;
  const registers = [registry];
  const observations = new Map<string, Observation>();
  const labelNames = ['route', 'status_class'] as const;
  const seconds = new Histogram({
    name: 'gateway_request_duration_seconds',
    help: 'From the last byte of a request head to the last byte of its response',
    labelNames,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  new Counter({
    name: 'gateway_requests_total',
    help: 'Requests answered, by route pattern and status class',
    labelNames,
    registers,
    collect() {
      // Counted by number, given out when asked for: a labelled counter costs a look-up by text for each request.
      for (const observation of observations.values()) {
        this.inc(observation.labels, observation.uncollected);
        observation.uncollected = 0;
      }
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
  gauge('gateway_requests_in_flight', 'Requests being answered now', () => activeRequests);
  gauge('gateway_client_connections', 'Connections of clients open now', () => connections);
  gauge('gateway_tunnels_open', 'WebSockets and the like open now', () => tunnels);

  function observe(route: string, status: number, durationMs: number) {
    const statusClass = STATUS_CLASSES[Math.floor(status / 100)] ?? 'other';
    const key = statusClass + route;
    let observation = observations.get(key);
    if (observation === undefined) {
      const labels = { route, status_class: statusClass };
      observation = { labels, duration: seconds.labels(labels), uncollected: 0 };
      observations.set(key, observation);
    }
    observation.uncollected++;
    observation.duration.observe(durationMs / 1000);
  }

  return {
    get activeRequests() {
      return activeRequests;
    },
    begin() {
      activeRequests++;
    },
    end(context, outcome) {
      activeRequests--;
      const durationMs = performance.now() - context.startedMs;
      observe(outcome.route, outcome.status, durationMs);
      if (outcome.retries) retries.inc({ route: outcome.route }, outcome.retries);
      lines.info({
        method: context.request.head.method,
        route: outcome.route,
        status: outcome.status,
        duration_ms: Math.round(durationMs * 100) / 100,
        bytes_in: outcome.bytesIn,
        bytes_out: outcome.bytesOut,
        client: context.origin.address,
        request_id: context.requestId,
        trace_id: context.traceId,
        instance: outcome.instanceId,
        retries: outcome.retries,
        code: outcome.code,
      });
    },
    unreadable(clientAddress, status, code) {
      observe('unreadable', status, 0);
      lines.info({ route: 'unreadable', status, client: clientAddress, code });
    },
    connected(change) {
      connections += change;
    },
    tunnel(change) {
      tunnels += change;
    },
  };
}

const STATUS_CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'];
