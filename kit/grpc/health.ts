import {
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthDefinition,
  type HealthListResponse,
  HealthCheckResponse_ServingStatus as Serving,
} from '#contracts/gen/grpc/health/v1/health';
import { sleep } from '../core/back-off';
import { readiness } from '../core/readiness';
import type { Runtime } from '../core/runtime';
import { methodDefinition } from './definition';

/** Bounds how often probes and watchers together check the dependencies. */
const CACHE_MS = 1_000;
const WATCH_INTERVAL_MS = 2_000;
const MAX_WATCHERS = 100;

/**
 * Adds the standard health service: the state of `/readyz`, for every service of this server and for the server (`''`).
 * Not by grpc-health-check, which holds a table to be updated, and loads a `.proto` parser that costs every process 13 MB.
 */
export function addHealth(server: Server, runtime: Runtime, serviceNames: readonly string[]): void {
  const known = new Set(['', ...serviceNames]);
  const serving = cachedStatus(runtime);
  let watchers = 0;
  const { check, watch, list } = HealthDefinition.methods;
  server.addService(
    {
      check: methodDefinition(HealthDefinition, check),
      watch: methodDefinition(HealthDefinition, watch),
      list: methodDefinition(HealthDefinition, list),
    },
    {
      check: async (
        { request }: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>,
        callback: sendUnaryData<HealthCheckResponse>,
      ) => {
        if (known.has(request.service)) callback(null, { status: await serving() });
        else callback({ code: status.NOT_FOUND, details: 'Unknown service' });
      },
      watch: async (call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) => {
        if (watchers >= MAX_WATCHERS)
          return call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'Too many watchers' });
        watchers++;
        await report(call, known.has(call.request.service) ? serving : undefined, runtime.closing);
        watchers--;
        return call.end();
      },
      list: async (_call: unknown, callback: sendUnaryData<HealthListResponse>) => {
        const state = await serving();
        const statuses = new Map([...known].map((name) => [name, { status: state }]));
        callback(null, { statuses: Object.fromEntries(statuses) });
      },
    },
  );
}

/** Sends each change until the watcher disconnects or the process shuts down. */
async function report(
  call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>,
  serving: (() => Promise<Serving>) | undefined,
  closing: AbortSignal,
): Promise<void> {
  const disconnected = new AbortController();
  call.on('cancelled', () => disconnected.abort());
  const ended = AbortSignal.any([disconnected.signal, closing]);
  let reported: Serving | undefined;
  while (!disconnected.signal.aborted) {
    const state = serving === undefined ? Serving.SERVICE_UNKNOWN : await serving();
    if (state !== reported) call.write({ status: state });
    reported = state;
    if (closing.aborted) return;
    await sleep(WATCH_INTERVAL_MS, ended);
  }
}

function cachedStatus(runtime: Runtime): () => Promise<Serving> {
  let cached: { atMs: number; ready: Promise<boolean> } | undefined;
  return async () => {
    if (runtime.closing.aborted) return Serving.NOT_SERVING;
    if (cached === undefined || performance.now() - cached.atMs > CACHE_MS)
      cached = { atMs: performance.now(), ready: readiness(runtime).then(({ ready }) => ready) };
    return (await cached.ready) ? Serving.SERVING : Serving.NOT_SERVING;
  };
}
