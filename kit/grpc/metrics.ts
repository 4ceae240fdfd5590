import { status } from '@grpc/grpc-js';
import { Histogram, type Registry } from 'prom-client';
import type { Runtime } from '../core/runtime';

/** Seconds; the deadline of an internal call is 2 s unless said otherwise. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30];

/** Notes how long a call took and how it ended. */
export type ObserveCall = (call: { service: string; method: string; code: status; ms: number }) => void;

const histograms = new WeakMap<Registry, Map<string, ObserveCall>>();

/** Calls this process answers. Names after the gRPC ecosystem's Prometheus interceptors, so known dashboards fit. */
export const observeAnswered = (runtime: Runtime): ObserveCall =>
  observe(runtime.metrics, 'grpc_server_handling_seconds', 'Time to answer a gRPC call');

/** Calls this process makes; each attempt counts. */
export const observeMade = (runtime: Runtime): ObserveCall =>
  observe(runtime.metrics, 'grpc_client_handling_seconds', 'Time until a gRPC call was answered');

/** One histogram for each process, however many clients and servers share it. */
function observe(registry: Registry, name: string, help: string): ObserveCall {
  const ofRegistry = histograms.get(registry) ?? new Map<string, ObserveCall>();
  histograms.set(registry, ofRegistry);
  const present = ofRegistry.get(name);
  if (present !== undefined) return present;
  const histogram = new Histogram({
    name,
    help,
    labelNames: ['grpc_service', 'grpc_method', 'grpc_code'] as const,
    buckets: DURATION_BUCKETS,
    registers: [registry],
  });
  const made: ObserveCall = ({ service, method, code, ms }) =>
    histogram.observe({ grpc_service: service, grpc_method: method, grpc_code: status[code] }, ms / 1000);
  ofRegistry.set(name, made);
  return made;
}
