import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../core/log';
import { withTimeout } from '../core/runtime';
import type { FinishedSpan, SpanRecorder } from '../core/span';
import { readableSpans } from './otel-spans';

export interface TraceEnvironment {
  readonly OTEL_EXPORTER_OTLP_ENDPOINT: string | undefined;
  readonly OTEL_SERVICE_NAME: string | undefined;
  readonly OTEL_TRACES_SAMPLER: string;
  readonly OTEL_TRACES_SAMPLER_ARG: number;
}

/** SpanRecorder on their way to a collector. */
export interface ExportedSpans extends SpanRecorder {
  /** Sends what is left, within two seconds; not to a collector that is known to be away. */
  close(): Promise<void>;
}

/** SpanRecorder that wait to be sent; more than that, and new ones are dropped. The SDK's own default. */
const QUEUE_SPANS = 2_048;
const BATCH_SPANS = 512;
/** A batch waits `batchMs` to become full, and is tried for `exportMs` while the collector is away. */
const PACE = { batchMs: 2_000, exportMs: 3_000 };
const CLOSE_MS = 2_000;
/** `ExportResultCode.SUCCESS` of the SDK. */
const EXPORTED = 0;

/**
 * Opens the way to an OTLP collector (HTTP, JSON). The SDK is loaded here and nowhere else: a process without an
 * endpoint does not carry it in memory.
 *
 * @param name of the process; `OTEL_SERVICE_NAME` goes before it
 * @param pace milliseconds; tests are less patient
 * @returns null when no endpoint is set
 */
export async function exportSpans(
  { name, version, log, metrics }: { name: string; version: string; log: Logger; metrics: Registry },
  env: TraceEnvironment,
  pace = PACE,
): Promise<ExportedSpans | null> {
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return null;
  const [{ BatchSpanProcessor }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const url = tracesUrl(env.OTEL_EXPORTER_OTLP_ENDPOINT);
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: pace.exportMs });
  const delivery = observeDelivery(log, new URL(url).origin);
  const counters = createCounters(metrics);
  const readable = readableSpans(
    resourceFromAttributes({
      'service.name': env.OTEL_SERVICE_NAME ?? name,
      'service.version': version,
      'service.instance.id': Bun.randomUUIDv7(),
    }),
    { name: 'rookery', version },
  );
  let waiting = 0;
  const processor = new BatchSpanProcessor({
    maxQueueSize: QUEUE_SPANS,
    maxExportBatchSize: BATCH_SPANS,
    scheduledDelayMillis: pace.batchMs,
    exporter: {
      export(spans: ReadableSpan[], done) {
        waiting -= spans.length;
        exporter.export(spans, (result) => {
          const delivered = result.code === EXPORTED;
          if (delivered) counters.exported.inc(spans.length);
          else counters.dropped.inc({ reason: 'not_delivered' }, spans.length);
          delivery.ended(delivered, result.error);
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    },
  });

  return {
    shouldSample: await samplerOf(env),
    record(span: FinishedSpan) {
      if (waiting >= QUEUE_SPANS) {
        counters.dropped.inc({ reason: 'queue_full' });
        return;
      }
      waiting++;
      processor.onEnd(readable(span));
    },
    async close() {
      if (delivery.away()) return;
      // What cannot be delivered is told of by the exporter.
      await withTimeout(processor.shutdown(), CLOSE_MS, 'sending the last spans').catch(() => undefined);
    },
  };
}

/** OpenTelemetry Protocol Exporter, "Endpoint URLs for OTLP/HTTP": the signal's path is put behind the base. */
const tracesUrl = (endpoint: string): string => `${endpoint.replace(/\/+$/, '')}/v1/traces`;

async function samplerOf(env: TraceEnvironment): Promise<SpanRecorder['shouldSample']> {
  if (env.OTEL_TRACES_SAMPLER === 'parentbased_always_on') return () => true;
  if (env.OTEL_TRACES_SAMPLER === 'parentbased_always_off') return () => false;
  const [{ ROOT_CONTEXT }, { SamplingDecision, TraceIdRatioBasedSampler }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
  ]);
  const sampler = new TraceIdRatioBasedSampler(env.OTEL_TRACES_SAMPLER_ARG);
  const kept = SamplingDecision.RECORD_AND_SAMPLED;
  return (traceId) => sampler.shouldSample(ROOT_CONTEXT, traceId).decision === kept;
}

/** Says once that the collector is away, and once that it is back. */
function observeDelivery(log: Logger, collector: string) {
  let away = false;
  return {
    away: () => away,
    ended(delivered: boolean, failure: Error | undefined) {
      if (!delivered && !away)
        log.warn({ err: failure, collector }, 'spans cannot be delivered and are dropped; requests go on');
      if (delivered && away) log.info({ collector }, 'spans are delivered again');
      away = !delivered;
    },
  };
}

const createCounters = (registry: Registry) => ({
  exported: new Counter({
    name: 'trace_spans_exported_total',
    help: 'SpanRecorder a collector has taken',
    registers: [registry],
  }),
  dropped: new Counter({
    name: 'trace_spans_dropped_total',
    help: 'SpanRecorder lost: made faster than they could be sent, or not taken by the collector',
    labelNames: ['reason'] as const,
    registers: [registry],
  }),
});
