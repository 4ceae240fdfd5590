import {
  type Envelope,
  InvalidMessage,
  type MessageDefinition,
  type MessageOf,
  parseEnvelope,
} from '#contracts/messages';
import type { Logger } from '../core/log';
import { type Runtime, withTimeout } from '../core/runtime';
import type { SpanEnd } from '../core/span';
import { errorMessage } from '../errors/describe-error';
import { type Trace, withTrace } from '../tracing/context';
import { endSpan, errorTypeOf, receiveTrace } from '../tracing/spans';
import type { DeliveryMetrics } from './delivery-metrics';

/** A failure that a retry cannot fix: the message is parked immediately with this reason, which must not hold user data. */
export class PermanentError extends Error {
  override readonly name: string = 'PermanentError';
}

/** A failure that a retry may fix, as may any other error; this one can set the delay. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  constructor(
    message: string,
    readonly options: { readonly afterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
  }
}

/** What a handler receives besides the message. */
export interface MessageContext {
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly log: Logger;
  /** Aborts at shutdown: long work may stop and throw, and is retried later. */
  readonly closing: AbortSignal;
}

/** A delivered message, with the three ways to settle it. Each rejects while the broker is unavailable. */
export interface Delivery {
  readonly bytes: Buffer;
  readonly attempt: number;
  /**
   * Checks that a publisher of its definition has sent it.
   *
   * @throws PermanentError otherwise
   */
  requirePublisher(definition: MessageDefinition): void;
  acknowledge(): Promise<void>;
  /** Redelivers it after `afterMs`, or with exponential back-off and jitter. */
  retry(afterMs: number | undefined): Promise<void>;
  park(reason: string): Promise<void>;
}

/** How the messages of one queue or tube are handled. */
export interface ConsumerSettings<Definition extends MessageDefinition> {
  /** Queue or tube, as it appears in logs and metrics. */
  readonly source: string;
  readonly definitions: readonly Definition[];
  readonly handle: (message: MessageOf<Definition>, context: MessageContext) => Promise<void>;
  /** A message is parked after this many failed attempts. */
  readonly maxAttempts: number;
  /** A handler that takes longer has failed. */
  readonly timeoutMs: number;
  readonly metrics: DeliveryMetrics;
}

/** `redelivered`: it could not be settled, so the broker delivers it again. */
type Outcome = 'done' | 'retried' | 'parked' | 'redelivered';

const MAX_REASON_LENGTH = 500;

/**
 * Handles one message and settles it: success is acknowledged, a failure is retried, and a permanent failure or one that
 * has used up its attempts is parked with its reason. Never throws: the broker redelivers what could not be settled.
 */
export async function deliver<Definition extends MessageDefinition>(
  runtime: Runtime,
  settings: ConsumerSettings<Definition>,
  delivery: Delivery,
): Promise<void> {
  const { source, metrics } = settings;
  const startedAt = performance.now();
  metrics.started();
  const attempted = await attempt(runtime, settings, delivery);
  const settled = await settle(settings, delivery, attempted.failure);
  const durationMs = performance.now() - startedAt;
  const { message } = attempted;
  const name = message?.name ?? 'unknown';
  metrics.ended(message, settled.outcome, durationMs);
  runtime.log[LEVELS[settled.outcome]](
    {
      source,
      message: name,
      message_id: message?.id,
      request_id: message?.trace.request_id,
      attempt: delivery.attempt,
      duration_ms: Math.round(durationMs),
      outcome: settled.outcome,
      ...(attempted.failure !== undefined && { err: attempted.failure }),
      ...(settled.failure !== undefined && { settling: settled.failure }),
    },
    `${name} ${settled.outcome}`,
  );
}

const LEVELS = { done: 'info', retried: 'warn', redelivered: 'warn', parked: 'error' } as const;

async function attempt<Definition extends MessageDefinition>(
  runtime: Runtime,
  settings: ConsumerSettings<Definition>,
  delivery: Delivery,
): Promise<{ message?: MessageOf<Definition>; failure?: unknown }> {
  let message: MessageOf<Definition> | undefined;
  let trace: Trace | undefined;
  let error: string | undefined;
  try {
    message = parseEnvelope(settings.definitions, delivery.bytes);
    delivery.requirePublisher(definitionOf(settings.definitions, message));
    if (delivery.attempt > settings.maxAttempts)
      throw new PermanentError(
        `delivered ${delivery.attempt} times and never settled: its worker died each time`,
      );
    const parsed = message;
    trace = receiveTrace(runtime.spans, {
      requestId: parsed.trace.request_id,
      traceparent: parsed.trace.traceparent,
    });
    const context = contextOf(runtime, delivery.attempt, {
      messageId: parsed.id,
      requestId: trace.requestId,
    });
    const handled = withTrace(trace, async () => settings.handle(parsed, context));
    await withTimeout(handled, settings.timeoutMs, `handling ${parsed.name}`);
    return { message };
  } catch (failure) {
    error = errorTypeOf(failure);
    return { ...(message && { message }), failure: failure ?? new Error('The handler threw undefined') };
  } finally {
    if (message && trace?.span !== undefined)
      endSpan(trace, spanOf(settings, message, delivery.attempt, error));
  }
}

function contextOf(
  { log, closing }: Runtime,
  attempt: number,
  { messageId, requestId }: { messageId: string; requestId: string },
): MessageContext {
  let own: Logger | undefined;
  return {
    attempt,
    closing,
    // Most messages are handled without a line of their own.
    get log() {
      own ??= log.child({ message_id: messageId, request_id: requestId });
      return own;
    },
  };
}

function definitionOf(
  definitions: readonly MessageDefinition[],
  { name, version }: Envelope,
): MessageDefinition {
  const definition = definitions.find((known) => known.name === name && known.version === version);
  if (definition === undefined) throw new InvalidMessage('the message is of another definition');
  return definition;
}

function spanOf(
  { source, definitions }: { source: string; definitions: readonly MessageDefinition[] },
  message: { id: string; name: string },
  attempt: number,
  error: string | undefined,
): SpanEnd {
  return {
    name: `process ${source}`,
    kind: 'consumer',
    attributes: {
      'messaging.system.name': definitions[0]?.kind === 'job' ? 'beanstalkd' : 'rabbitmq',
      'messaging.destination.name': source,
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.message.id': message.id,
      'rookery.message.name': message.name,
      'rookery.attempt': attempt,
    },
    error,
  };
}

async function settle(
  settings: { maxAttempts: number },
  delivery: Delivery,
  failure: unknown,
): Promise<{ outcome: Outcome; failure?: unknown }> {
  try {
    if (failure === undefined) {
      await delivery.acknowledge();
      return { outcome: 'done' };
    }
    const permanent = failure instanceof PermanentError || failure instanceof InvalidMessage;
    if (permanent || delivery.attempt >= settings.maxAttempts) {
      await delivery.park(reasonOf(failure));
      return { outcome: 'parked' };
    }
    await delivery.retry(failure instanceof RetryableError ? failure.options.afterMs : undefined);
    return { outcome: 'retried' };
  } catch (settling) {
    return { outcome: 'redelivered', failure: settling };
  }
}

function reasonOf(failure: unknown): string {
  const text =
    failure instanceof Error ? `${failure.name}: ${errorMessage(failure)}` : 'the handler threw no Error';
  return text.slice(0, MAX_REASON_LENGTH);
}
