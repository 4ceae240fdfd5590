import type { SpanEnd, SpanRecorder } from '../core/span';
import { currentTrace, spanIdOf, type Trace } from '../tracing/context';
import { beginSpan } from '../tracing/spans';

/** The span of a publication, reserved before it happens: the message carries it as the parent of its handling. */
export interface PublishingSpan {
  readonly traceparent: string;
  readonly parent_span_id: string;
}

/** What a span records of a published message. */
export interface Published {
  readonly system: 'beanstalkd' | 'rabbitmq';
  /** Tube or exchange. */
  readonly destination: string;
  readonly routingKey?: string;
  readonly messageId: string;
  readonly name: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

/**
 * Reserves the span of a message that is written now and sent later.
 *
 * @returns the trace of the message, and `publishing`, to be stored with it for `publishInSpan`; undefined when the current
 *   trace is not sampled
 */
export function startPublishingSpan(): { trace: Trace; publishing: PublishingSpan | undefined } {
  const running = currentTrace();
  if (running.span === undefined) return { trace: running, publishing: undefined };
  const trace = beginSpan(running.span.recorder, running);
  const { traceparent } = trace;
  return { trace, publishing: { traceparent, parent_span_id: spanIdOf(running) } };
}

/**
 * Sends a message and records its reserved span. Failed attempts are logged, not recorded.
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

/** The end of a publishing span. */
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
