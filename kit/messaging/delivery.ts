import { Gauge, Histogram } from 'prom-client';
import { InvalidMessage, type MessageDefinition, type MessageOf, parseEnvelope } from '#contracts/messages';
import type { Logger } from '../core/log';
import { type Runtime, withTimeout } from '../core/runtime';
import type { SpanEnd } from '../core/span';
import { errorMessage } from '../errors/describe-error';
import { type Trace, withTrace } from '../tracing/context';
import { endSpan, errorTypeOf, receiveTrace } from '../tracing/spans';

/** Trying again will not help: the message is parked at once with this reason. Never put what was sent into it. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}

/** Trying again may help. Any other error counts the same; this one can say when. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  constructor(
    message: string,
    readonly options: { readonly afterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
  }
}

/** What a handler gets beside the message. */
export interface MessageContext {
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly log: Logger;
  /** Aborts when the process has been asked to end: long work may stop and throw, and is done again later. */
  readonly closing: AbortSignal;
}

/** A message as it was handed out, with the three ways to settle it. Each rejects when the broker is out of reach. */
export interface Delivery {
  readonly bytes: Buffer;
  readonly attempt: number;
  acknowledge(): Promise<void>;
  /** Hands it out again later: after `afterMs` where the handler asked for that, else with growing, jittered delay. */
  retry(afterMs: number | undefined): Promise<void>;
  park(reason: string): Promise<void>;
}

/** How the messages of one queue or tube are handled. */
export interface Handling<Definition extends MessageDefinition> {
  /** Queue or tube, as it appears in logs and metrics. */
  readonly source: string;
  readonly definitions: readonly Definition[];
  readonly handle: (message: MessageOf<Definition>, context: MessageContext) => Promise<void>;
  /** After so many failed attempts a message is parked. */
  readonly maxAttempts: number;
  /** A handler that takes longer has failed. */
  readonly timeoutMs: number;
}

/** `redelivered`: it could not be settled, so the broker will hand it out again. */
type Outcome = 'done' | 'retried' | 'parked' | 'redelivered';

const MAXIMUM_REASON_LENGTH = 500;

/**
 * Handles one message and settles it: done is acknowledged, a failure is tried again, and what is permanent or has
 * been tried often enough is parked with its reason. Never throws: what cannot be settled comes again by itself.
 */
export async function deliver<Definition extends MessageDefinition>(
  runtime: Runtime,
  handling: Handling<Definition>,
  delivery: Delivery,
): Promise<void> {
  const metrics = metricsOf(runtime);
  const { source } = handling;
  const startedAt = performance.now();
  metrics.inFlight.inc({ source });
  const attempted = await attempt(runtime, handling, delivery);
  const settled = await settle(handling, delivery, attempted.failure);
  metrics.inFlight.dec({ source });

  const durationMs = performance.now() - startedAt;
  const { message } = attempted;
  const name = message?.name ?? 'unknown';
  metrics.duration.observe({ source, name, outcome: settled.outcome }, durationMs / 1000);
  if (message)
    metrics.age.observe({ source, name }, Math.max(0, (Date.now() - Date.parse(message.occurred_at)) / 1000));
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
  handling: Handling<Definition>,
  delivery: Delivery,
): Promise<{ message?: MessageOf<Definition>; failure?: unknown }> {
  let message: MessageOf<Definition> | undefined;
  let trace: Trace | undefined;
  let error: string | undefined;
  try {
    message = parseEnvelope(handling.definitions, delivery.bytes);
    if (delivery.attempt > handling.maxAttempts)
      throw new PermanentError(
        `handed out ${delivery.attempt} times and never settled: its worker ended each time`,
      );
    const parsed = message;
    trace = receiveTrace(runtime.spans, {
      requestId: parsed.trace.request_id,
      traceparent: parsed.trace.traceparent,
    });
    const context: MessageContext = {
      attempt: delivery.attempt,
      log: runtime.log.child({ message_id: parsed.id, request_id: trace.requestId }),
      closing: runtime.closing,
    };
    const handled = withTrace(trace, async () => handling.handle(parsed, context));
    await withTimeout(handled, handling.timeoutMs, `handling ${parsed.name}`);
    return { message };
  } catch (failure) {
    error = errorTypeOf(failure);
    return { ...(message && { message }), failure: failure ?? new Error('the handler threw nothing') };
  } finally {
    if (message && trace?.span !== undefined)
      endSpan(trace, spanOf(handling, message, delivery.attempt, error));
  }
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
  handling: { maxAttempts: number },
  delivery: Delivery,
  failure: unknown,
): Promise<{ outcome: Outcome; failure?: unknown }> {
  try {
    if (failure === undefined) {
      await delivery.acknowledge();
      return { outcome: 'done' };
    }
    const permanent = failure instanceof PermanentError || failure instanceof InvalidMessage;
    if (permanent || delivery.attempt >= handling.maxAttempts) {
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
    failure instanceof Error
      ? `${failure.name}: ${errorMessage(failure)}`
      : 'something that is no error was thrown';
  return text.slice(0, MAXIMUM_REASON_LENGTH);
}

/** Seconds; from a row written to a video made. */
const DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300];
/** Seconds; minutes and hours are what a backlog looks like. */
const AGE_BUCKETS = [0.05, 0.25, 1, 5, 30, 120, 600, 3600, 21_600, 86_400];

type Metrics = ReturnType<typeof createMetrics>;
const metricsOfRuntimes = new WeakMap<Runtime, Metrics>();

function metricsOf(runtime: Runtime): Metrics {
  const metrics = metricsOfRuntimes.get(runtime) ?? createMetrics(runtime);
  metricsOfRuntimes.set(runtime, metrics);
  return metrics;
}

const createMetrics = (runtime: Runtime) => ({
  duration: new Histogram({
    name: 'message_handling_duration_seconds',
    help: 'Time to handle and settle a message, by outcome',
    labelNames: ['source', 'name', 'outcome'] as const,
    buckets: DURATION_BUCKETS,
    registers: [runtime.metrics],
  }),
  age: new Histogram({
    name: 'message_age_seconds',
    help: 'Time from what happened to the end of its handling',
    labelNames: ['source', 'name'] as const,
    buckets: AGE_BUCKETS,
    registers: [runtime.metrics],
  }),
  inFlight: new Gauge({
    name: 'messages_in_flight',
    help: 'Messages being handled now',
    labelNames: ['source'] as const,
    registers: [runtime.metrics],
  }),
});
