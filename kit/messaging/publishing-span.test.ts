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

function collectSpans(): SpanRecorder & { recorded: FinishedSpan[] } {
  const recorded: FinishedSpan[] = [];
  return { recorded, shouldSample: () => true, record: (span) => void recorded.push(span) };
}

test('a message carries its publishing span, which is recorded below its request once it is sent', async () => {
  const spans = collectSpans();
  const request = receiveTrace(spans, {});
  const { trace, publishing } = withTrace(request, startPublishingSpan);
  expect(trace.requestId).toBe(request.requestId);
  expect(trace.traceparent).not.toBe(request.traceparent);
  const send = async () => expect(spans.recorded).toEqual([]);
  await publishInSpan(spans, publishing, () => MESSAGE, send);
  expect(spans.recorded).toMatchObject([
    {
      name: 'publish likes.events',
      kind: 'producer',
      traceparent: trace.traceparent,
      parentSpanId: request.traceparent.slice(36, 52),
    },
  ]);
});

test('a message that could not be sent has no publishing span', async () => {
  const spans = collectSpans();
  const { publishing } = withTrace(receiveTrace(spans, {}), startPublishingSpan);
  const failing = publishInSpan(
    spans,
    publishing,
    () => MESSAGE,
    () => Promise.reject(new Error('unavailable')),
  );
  await expect(failing).rejects.toThrow('unavailable');
  expect(spans.recorded).toEqual([]);
});

test('with tracing off a message carries the trace of its request unchanged', () => {
  const request = receiveTrace(null, {});
  expect(withTrace(request, startPublishingSpan)).toEqual({ trace: request, publishing: undefined });
});
