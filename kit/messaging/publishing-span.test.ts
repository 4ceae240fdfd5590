import { expect, test } from 'bun:test';
import type { FinishedSpan, SpanRecorder } from '../core/span';
import { withTrace } from '../tracing/context';
import { receiveTrace } from '../tracing/spans';
import { type Published, publishInSpan, startPublishingSpan } from './publishing-span';

const MESSAGE: Published = {
  system: 'rabbitmq',
  destination: 'likes.events',
  routingKey: 'post.liked',
  messageId: 'the-id',
  name: 'post.liked',
  attempt: 1,
};

function collectSpans(): SpanRecorder & { told: FinishedSpan[] } {
  const told: FinishedSpan[] = [];
  return { told, shouldSample: () => true, record: (span) => void told.push(span) };
}

test('a message names the span of its publishing, which is told below its request once it is sent', async () => {
  const spans = collectSpans();
  const request = receiveTrace(spans, {});
  const { trace, publishing } = withTrace(request, startPublishingSpan);
  expect(trace.requestId).toBe(request.requestId);
  expect(trace.traceparent).not.toBe(request.traceparent);
  const send = async () => expect(spans.told).toEqual([]);
  await publishInSpan(spans, publishing, () => MESSAGE, send);
  expect(spans.told).toMatchObject([
    {
      name: 'publish likes.events',
      kind: 'producer',
      traceparent: trace.traceparent,
      parentSpanId: request.traceparent.slice(36, 52),
    },
  ]);
});

test('what could not be sent is not told as sent', async () => {
  const spans = collectSpans();
  const { publishing } = withTrace(receiveTrace(spans, {}), startPublishingSpan);
  const failing = publishInSpan(
    spans,
    publishing,
    () => MESSAGE,
    () => Promise.reject(new Error('away')),
  );
  await expect(failing).rejects.toThrow('away');
  expect(spans.told).toEqual([]);
});

test('without spans a message carries the trace of its request as it is', () => {
  const request = receiveTrace(null, {});
  expect(withTrace(request, startPublishingSpan)).toEqual({ trace: request, publishing: undefined });
});
