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

/** Probers and watchers together ask the dependencies no more often than this. */
const ANSWER_KEPT_MS = 1_000;
const WATCH_INTERVAL_MS = 2_000;
const WATCHERS = 100;

/**
 * Adds the standard health service: what `/readyz` says, for every service of this server and for the whole (`''`).
 * Done here because grpc-health-check holds a table that somebody has to keep up to date, and brings a
 * `.proto` parser that costs every process 13 MB.
 */
export function addHealth(server: Server, runtime: Runtime, serviceNames: readonly string[]): void {
  const known = new Set(['', ...serviceNames]);
  const serving = rememberedReadiness(runtime);
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
        else callback({ code: status.NOT_FOUND, details: 'This server has no such service' });
      },
      watch: async (call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) => {
        if (watchers >= WATCHERS)
          return call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'Too many are watching' });
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

/** Writes each change until the watcher goes or the process ends. */
async function report(
  call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>,
  serving: (() => Promise<Serving>) | undefined,
  closing: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  const over = AbortSignal.any([gone.signal, closing]);
  let told: Serving | undefined;
  while (!gone.signal.aborted) {
    const state = serving === undefined ? Serving.SERVICE_UNKNOWN : await serving();
    if (state !== told) call.write({ status: state });
    told = state;
    if (closing.aborted) return;
    await sleep(WATCH_INTERVAL_MS, over);
  }
}

function rememberedReadiness(runtime: Runtime): () => Promise<Serving> {
  let asked: { atMs: number; ready: Promise<boolean> } | undefined;
  return async () => {
    if (runtime.closing.aborted) return Serving.NOT_SERVING;
    if (asked === undefined || performance.now() - asked.atMs > ANSWER_KEPT_MS)
      asked = { atMs: performance.now(), ready: readiness(runtime).then((answer) => answer.ready) };
    return (await asked.ready) ? Serving.SERVING : Serving.NOT_SERVING;
  };
}
