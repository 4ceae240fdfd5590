import { afterEach, expect, test } from 'bun:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { eventually } from '../../tests/support/eventually';
import { type OtlpReceiver, startOtlpReceiver } from '../../tests/support/otlp-receiver';
import type { FinishedSpan } from '../core/span';
import { currentTrace } from './context';
import { exportSpans, type SpanExporter, type TraceEnvironment } from './export';
import { beginSpan, endSpan, receiveTrace } from './spans';

const SPAN: FinishedSpan = {
  name: 'GET /things/:id',
  kind: 'server',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  parentSpanId: null,
  startedMs: 0,
  attributes: { 'http.response.status_code': 200 },
};

let receiver: OtlpReceiver | undefined;
let spans: SpanExporter | null = null;

afterEach(async () => {
  await spans?.close();
  await receiver?.stop();
});

async function open(environment: Partial<TraceEnvironment> = {}, lines: Record<string, unknown>[] = []) {
  receiver = startOtlpReceiver();
  const metrics = new Registry();
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  spans = await exportSpans(
    { name: 'things', version: '1.2.3', log, metrics },
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_SERVICE_NAME: undefined,
      OTEL_TRACES_SAMPLER: 'parentbased_always_on',
      OTEL_TRACES_SAMPLER_ARG: 1,
      ...environment,
    },
    { batchMs: 20, exportMs: 200 },
  );
  if (spans === null) throw new Error('An endpoint is set');
  const total = async (name: string) => {
    const metric = await metrics.getSingleMetric(name)?.get();
    return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  };
  return { receiver, spans, total };
}

test('tracing is off without an endpoint', async () => {
  const about = { name: 'things', version: '1', log: pino({ level: 'silent' }), metrics: new Registry() };
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: undefined, OTEL_SERVICE_NAME: undefined };
  expect(
    await exportSpans(about, {
      ...environment,
      OTEL_TRACES_SAMPLER: 'parentbased_always_on',
      OTEL_TRACES_SAMPLER_ARG: 1,
    }),
  ).toBeNull();
});

test('a span is exported with its parent, its times, and its service', async () => {
  const { receiver, spans } = await open();
  const root = receiveTrace(spans, {});
  const child = beginSpan(spans, root);
  endSpan(child, { name: 'select things', kind: 'client', attributes: {}, error: 'ER_DUP_ENTRY' });
  endSpan(root, { name: SPAN.name, kind: 'server', attributes: SPAN.attributes });
  await eventually(() => receiver.spans.length === 2);
  const [below, first] = receiver.spans;
  expect(first).toMatchObject({ service: 'things', name: 'GET /things/:id', kind: 2, status: 0 });
  expect(first?.parentSpanId).toBeUndefined();
  expect(below).toMatchObject({ traceId: first?.traceId, parentSpanId: first?.spanId, kind: 3, status: 2 });
  expect(below?.attributes).toEqual({ 'error.type': 'ER_DUP_ENTRY' });
  expect(first?.tookMs).toBeGreaterThanOrEqual(below?.tookMs ?? Infinity);
  expect(receiver.resources.get('things')).toMatchObject({ 'service.version': '1.2.3' });
  expect(String(receiver.resources.get('things')?.['service.instance.id'])).toHaveLength(36);
});

test('a trace that its caller has not sampled is continued unsampled', async () => {
  const { spans } = await open();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
  expect(receiveTrace(spans, { traceparent })).toMatchObject({ traceparent });
  expect(receiveTrace(spans, { traceparent }).span).toBeUndefined();
});

test('background work of a process starts no trace, here or at its callees', async () => {
  const { spans } = await open();
  expect(receiveTrace(spans, currentTrace()).span).toBeUndefined();
  expect(receiveTrace(spans, {}, false).span).toBeUndefined();
});

test('new traces are sampled at the ratio of the sampler', async () => {
  const { spans } = await open({
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: 0.25,
  });
  const begun = Array.from({ length: 2_000 }, () => receiveTrace(spans, {}));
  const sampled = begun.filter(({ span }) => span !== undefined);
  // Six standard deviations.
  expect(Math.abs(sampled.length - 500)).toBeLessThan(120);
  expect(
    begun.every(({ span, traceparent }) => traceparent.endsWith(span === undefined ? '-00' : '-01')),
  ).toBe(true);
});

test('an unavailable collector is logged once, loses only the spans of that time, and is used again', async () => {
  const lines: Record<string, unknown>[] = [];
  const { receiver: first, spans, total } = await open({}, lines);
  await first.stop();
  for (const lost of [1, 2, 3]) {
    spans.record(SPAN);
    await eventually(async () => (await total('trace_spans_dropped_total')) === lost);
  }
  receiver = startOtlpReceiver(Number(new URL(first.url).port));
  const { spans: received } = receiver;
  spans.record(SPAN);
  await eventually(() => received.length === 1);
  await eventually(() => lines.length === 2);
  expect(lines.map(({ msg }) => msg)).toEqual([
    'The trace collector is unavailable; dropping spans',
    'The trace collector is available again',
  ]);
});

test('spans beyond the queue limit are dropped and counted', async () => {
  const { receiver, spans, total } = await open();
  for (let number = 0; number < 3_000; number++) spans.record(SPAN);
  await spans.close();
  const dropped = await total('trace_spans_dropped_total');
  // 512 are in flight, and 2,048 are queued.
  expect(dropped).toBe(3_000 - 512 - 2_048);
  expect(receiver.spans).toHaveLength(3_000 - dropped);
});
