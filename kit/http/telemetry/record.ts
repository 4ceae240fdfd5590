import { Histogram } from 'prom-client';
import { logReady } from '../../core/log';
import { histogramSeries } from '../../core/metrics';
import type { Runtime } from '../../core/runtime';
import type { SpanEnd } from '../../core/span';
import { traceIdOf } from '../../tracing/context';
import { endSpan } from '../../tracing/spans';
import type { Exchange } from '../exchange';

/** Seconds; from a cached read to the gateway's request timeout. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A request that has been responded to. */
export interface HandledRequest {
  readonly method: string;
  /** The pattern of its route, so that the values of labels are bounded. */
  readonly route: string;
  readonly status: number;
  readonly exchange: Exchange;
}

/** What all requests with the same method, route and status share. */
interface Series {
  readonly observe: (seconds: number) => void;
  /** The fields of the log line. */
  readonly fields: string;
}

/** Records rate, errors and duration of requests: one measurement, one log line, and one span where it is traced. */
export function recordRequests(runtime: Runtime): (request: HandledRequest) => void {
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to handle an HTTP request, by route pattern',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: DURATION_BUCKETS,
    registers: [runtime.metrics],
  });
  const known = new Map<string, Series>();

  function seriesOf(method: string, route: string, status: number): Series {
    const key = `${status} ${method} ${route}`;
    const present = known.get(key);
    if (present !== undefined) return present;
    const labels = { method, route, status: String(status) };
    const series = {
      observe: histogramSeries(durations, labels, DURATION_BUCKETS),
      fields: `"method":${JSON.stringify(method)},"route":${JSON.stringify(route)},"status":${status}`,
    };
    known.set(key, series);
    return series;
  }

  return ({ method, route, status, exchange }) => {
    const { trace, caller } = exchange;
    const seconds = (performance.now() - exchange.startedMs) / 1000;
    const { observe, fields } = seriesOf(method, route, status);
    observe(seconds);
    const duration = Math.round(seconds * 100_000) / 100;
    const user = caller === undefined ? '' : `,"user_id":${JSON.stringify(caller.id)}`;
    logReady(
      runtime.log,
      // A request id and a trace id have a form of their own, without anything to escape.
      `${fields},"duration_ms":${duration},"request_id":"${trace.requestId}","trace_id":"${traceIdOf(trace)}"${user}`,
      'request',
    );
    if (trace.span !== undefined) endSpan(trace, spanOf(method, route, status));
  };
}

/** Without the path and the query, which may hold secrets. */
const spanOf = (method: string, route: string, status: number): SpanEnd => ({
  name: `${method} ${route}`,
  kind: 'server',
  attributes: {
    'http.request.method': method,
    'http.route': route,
    'http.response.status_code': status,
    'url.scheme': 'http',
  },
  error: status >= 500 ? String(status) : undefined,
});
