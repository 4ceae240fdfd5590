import type { SpanEnd, SpanRecorder } from '../core/span';
import { currentTrace, spanIdOf, type Trace } from '../tracing/context';
import { beginSpan } from '../tracing/spans';

/** The span of a message's publishing, known before it happens: the message names it as the parent of its handling. */
export interface PublishingSpan {
  readonly traceparent: string;
  readonly parent_span_id: string;
}

/** A message, as far as a span tells of it. */
export interface Published {
  readonly system: 'beanstalkd' | 'rabbitmq';
  /** Tube or exchange. */
  readonly destination: string;
  readonly routingKey?: string;
  readonly messageId: string;
  readonly name: string;
  /** 1 for the first. */
  readonly attempt: number;
}

/**
 * The trace for a message that is written down now and sent later.
 *
 * @returns `publishing` is to be kept with the message for `publishInSpan`; undefined where nothing is to be told
 */
export function startPublishingSpan(): { trace: Trace; publishing: PublishingSpan | undefined } {
  const running = currentTrace();
  if (running.span === undefined) return { trace: running, publishing: undefined };
  const trace = beginSpan(running.span.recorder, running);
  const { traceparent } = trace;
  return { trace, publishing: { traceparent, parent_span_id: spanIdOf(running) } };
}

/**
 * Sends a message, and tells of it by the span set aside for it. A message that could not be sent is told of in the log,
 * and by this span when it has been.
 *
 * @throws what `send` throws
 */
export async function publishInSpan(
  spans: SpanRecorder | null,
  publishing: PublishingSpan | undefined,
  message: () => Published,
  send: () => Promise<unknown>,
): Promise<void> {
  const startedMs = performance.now();
  await send();
  if (spans === null || publishing === undefined) return;
  const { traceparent, parent_span_id } = publishing;
  spans.record({ ...publishingSpan(message()), traceparent, parentSpanId: parent_span_id, startedMs });
}

/** What a span tells of a message that is sent to its broker. */
export function publishingSpan(message: Published): SpanEnd {
  const { system, destination, routingKey, messageId, name, attempt } = message;
  return {
    name: `publish ${destination}`,
    kind: 'producer',
    attributes: {
      'messaging.system.name': system,
      'messaging.destination.name': destination,
      'messaging.operation.type': 'send',
      'messaging.operation.name': system === 'beanstalkd' ? 'put' : 'publish',
      'messaging.message.id': messageId,
      ...(routingKey !== undefined && { 'messaging.rabbitmq.destination.routing_key': routingKey }),
      'rookery.message.name': name,
      'rookery.attempt': attempt,
    },
  };
}
