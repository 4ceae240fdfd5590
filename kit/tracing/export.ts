import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { Counter, type Registry } from 'prom-client';
import { withoutTrailingSlashes } from '../config/urls';
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

/** A recorder that exports spans to a collector. */
export interface SpanExporter extends SpanRecorder {
  /** Flushes queued spans within two seconds, unless the collector is unavailable. Never rejects. */
  close(): Promise<void>;
}

/** Spans queued for export; beyond that new ones are dropped. The SDK's default. */
const QUEUE_SPANS = 2_048;
const BATCH_SPANS = 512;
/** A batch waits `batchMs` to fill up, and is retried for `exportMs` while the collector is unavailable. */
const PACE = { batchMs: 2_000, exportMs: 3_000 };
const CLOSE_MS = 2_000;
/** `ExportResultCode.SUCCESS` of the SDK. */
const EXPORTED = 0;

/**
 * Exports spans to an OTLP collector (HTTP, JSON). The SDK is loaded here and nowhere else: a process without an endpoint
 * does not hold it in memory.
 *
 * @param process.name of the process; `OTEL_SERVICE_NAME` takes precedence
 * @param pace milliseconds; shortened by tests
 * @returns null when no endpoint is set
 */
export async function exportSpans(
  { name, version, log, metrics }: { name: string; version: string; log: Logger; metrics: Registry },
  env: TraceEnvironment,
  pace = PACE,
): Promise<SpanExporter | null> {
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return null;
  const [{ BatchSpanProcessor }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const url = tracesUrl(env.OTEL_EXPORTER_OTLP_ENDPOINT);
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: pace.exportMs });
  const collector = observeCollector(log, new URL(url).origin);
  const counters = createCounters(metrics);
  const readable = readableSpans(
    resourceFromAttributes({
      'service.name': env.OTEL_SERVICE_NAME ?? name,
      'service.version': version,
      'service.instance.id': Bun.randomUUIDv7(),
    }),
    { name: 'rookery', version },
  );
  let queued = 0;
  const processor = new BatchSpanProcessor({
    maxQueueSize: QUEUE_SPANS,
    maxExportBatchSize: BATCH_SPANS,
    scheduledDelayMillis: pace.batchMs,
    exporter: {
      export(spans: ReadableSpan[], done) {
        queued -= spans.length;
        exporter.export(spans, (result) => {
          const delivered = result.code === EXPORTED;
          if (delivered) counters.exported.inc(spans.length);
          else counters.dropped.inc({ reason: 'not_delivered' }, spans.length);
          collector.report(delivered, result.error);
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    },
  });

  return {
    shouldSample: await samplerOf(env),
    record(span: FinishedSpan) {
      if (queued >= QUEUE_SPANS) {
        counters.dropped.inc({ reason: 'queue_full' });
        return;
      }
      queued++;
      processor.onEnd(readable(span));
    },
    async close() {
      if (collector.isUnavailable()) return;
      // The exporter reports failures.
      await withTimeout(processor.shutdown(), CLOSE_MS, 'flushing spans').catch(() => undefined);
    },
  };
}

/** OpenTelemetry Protocol Exporter, "Endpoint URLs for OTLP/HTTP": the path of the signal is appended to the base URL. */
const tracesUrl = (endpoint: string): string => `${withoutTrailingSlashes(endpoint)}/v1/traces`;

async function samplerOf(env: TraceEnvironment): Promise<SpanRecorder['shouldSample']> {
  if (env.OTEL_TRACES_SAMPLER === 'parentbased_always_on') return () => true;
  if (env.OTEL_TRACES_SAMPLER === 'parentbased_always_off') return () => false;
  const [{ ROOT_CONTEXT }, { SamplingDecision, TraceIdRatioBasedSampler }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
  ]);
  const sampler = new TraceIdRatioBasedSampler(env.OTEL_TRACES_SAMPLER_ARG);
  const sampled = SamplingDecision.RECORD_AND_SAMPLED;
  return (traceId) => sampler.shouldSample(ROOT_CONTEXT, traceId).decision === sampled;
}

/** Logs each outage of the collector once, and its end. */
function observeCollector(log: Logger, collector: string) {
  let unavailable = false;
  return {
    isUnavailable: () => unavailable,
    report(delivered: boolean, failure: Error | undefined) {
      if (!delivered && !unavailable)
        log.warn({ err: failure, collector }, 'The trace collector is unavailable; dropping spans');
      if (delivered && unavailable) log.info({ collector }, 'The trace collector is available again');
      unavailable = !delivered;
    },
  };
}

const createCounters = (registry: Registry) => ({
  exported: new Counter({
    name: 'trace_spans_exported_total',
    help: 'Spans accepted by the collector',
    registers: [registry],
  }),
  dropped: new Counter({
    name: 'trace_spans_dropped_total',
    help: 'Spans lost, by reason: the queue was full, or the collector did not accept them',
    labelNames: ['reason'] as const,
    registers: [registry],
  }),
});
