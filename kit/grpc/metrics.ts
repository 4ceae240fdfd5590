import { status } from '@grpc/grpc-js';
import type { Registry } from 'prom-client';
import { histogramSeries, sharedHistogram } from '../core/metrics';
import type { Runtime } from '../core/runtime';

/** Seconds; the default deadline of an internal call is 2 s. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30];

/** Records the duration and the status of a call. */
export type ObserveCall = (call: { service: string; method: string; code: status; ms: number }) => void;

/** Calls served by this process. Named as by the Prometheus interceptors for gRPC, so that known dashboards fit. */
export const observeServerCalls = (runtime: Runtime): ObserveCall =>
  observe(runtime.metrics, 'grpc_server_handling_seconds', 'Time to handle a gRPC call');

/** Calls made by this process; each attempt counts. */
export const observeClientCalls = (runtime: Runtime): ObserveCall =>
  observe(runtime.metrics, 'grpc_client_handling_seconds', 'Time until a gRPC call has ended');

function observe(registry: Registry, name: string, help: string): ObserveCall {
  const histogram = sharedHistogram(registry, {
    name,
    help,
    labelNames: ['grpc_service', 'grpc_method', 'grpc_code'] as const,
    buckets: DURATION_BUCKETS,
  });
  const known = new Map<string, (seconds: number) => void>();
  return ({ service, method, code, ms }) => {
    const key = `${code} ${service}/${method}`;
    let observed = known.get(key);
    if (observed === undefined) {
      const labels = { grpc_service: service, grpc_method: method, grpc_code: status[code] };
      observed = histogramSeries(histogram, labels, DURATION_BUCKETS);
      known.set(key, observed);
    }
    observed(ms / 1000);
  };
}
