import { type Static, type TObject, Type } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';

/** A fact, named in the past tense and published to a topic exchange of RabbitMQ. */
export interface EventDefinition<Name extends string = string, Data extends TObject = TObject> {
  readonly kind: 'event';
  readonly name: Name;
  readonly version: number;
  readonly exchange: string;
  readonly routingKey: string;
  /** The processes that publish it; events of others are parked. */
  readonly publishers: readonly string[];
  readonly consumers: readonly string[];
  /** Whether it carries words, a name or an address of the people it names, and not only ids. */
  readonly personal: boolean;
  readonly data: Data;
}

/** Work for one worker, named in the imperative and put into a tube of beanstalkd. */
export interface JobDefinition<Name extends string = string, Data extends TObject = TObject> {
  readonly kind: 'job';
  readonly name: Name;
  readonly version: number;
  readonly tube: string;
  /** The processes that put it; jobs of others are parked. */
  readonly publishers: readonly string[];
  readonly ttrSeconds: number;
  readonly maxAttempts: number;
  readonly priority: number;
  readonly data: Data;
}

export type MessageDefinition = EventDefinition | JobDefinition;

/** The message as it is sent; the same for events and jobs. */
export interface Envelope<Name extends string = string, Data = unknown> {
  /** UUIDv7; the same for every attempt to send the message, so that consumers can deduplicate. */
  readonly id: string;
  readonly name: Name;
  readonly version: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly occurred_at: string;
  readonly trace: { readonly request_id: string; readonly traceparent?: string };
  /** The id of the user who caused it; null for the system. */
  readonly actor: string | null;
  readonly data: Data;
}

/** The envelope of a definition; for several definitions a union discriminated by `name`. */
export type MessageOf<Definition extends MessageDefinition> = Definition extends MessageDefinition
  ? Envelope<Definition['name'], Static<Definition['data']>>
  : never;

/**
 * beanstalkd's `-z` in the local stack, less what the signature of a job needs. Larger data is sent by reference, in events
 * as well.
 */
export const MAX_MESSAGE_BYTES = 1_048_576 - 512;

/** 0 is the most urgent in beanstalkd; this is the usual default of its clients. */
const DEFAULT_PRIORITY = 1024;

/**
 * Defines an event.
 *
 * Optional additions to `data` keep the version. A breaking change is a second definition of the same name with the next
 * version, published beside the first until every consumer has migrated; it has its own routing key (`user.created.v2`),
 * so that consumers receive only the versions they know.
 *
 * @param event.exchange the durable topic exchange it is published to
 * @param event.publishers the processes that publish it, by their names in the Procfile: that of the exchange by default
 * @param event.consumers queues that must receive every event. Publishers declare and bind them first, so that events
 *   published before a consumer's first start are not lost, and publish as `mandatory`. Other queues may be bound as well
 *   and receive events from then on. Without declared consumers an unroutable event is dropped, which is not an error.
 * @param event.personal set it for events that carry words, a name or an address of the people they name: once one of those has
 *   been erased, no consumer keeps it parked. Its consumers consume `user.deleted` as well. False by default.
 * @param event.routingKey the name by default; set it for events that only one consumer may be bound to
 */
export function defineEvent<const Name extends string, Data extends TObject>(event: {
  name: Name;
  version: number;
  exchange: string;
  publishers?: readonly string[];
  consumers?: readonly string[];
  routingKey?: string;
  personal?: boolean;
  data: Data;
}): EventDefinition<Name, Data> {
  const plainKey = event.routingKey ?? event.name;
  return {
    kind: 'event',
    ...event,
    routingKey: event.version === 1 ? plainKey : `${plainKey}.v${event.version}`,
    publishers: event.publishers ?? [event.exchange],
    consumers: event.consumers ?? [],
    personal: event.personal ?? false,
  };
}

/**
 * Defines a job.
 *
 * @param job.publishers the processes that put it: their names in the Procfile
 * @param job.ttrSeconds time to run: how long a worker may hold it without a touch before it is released to another
 * @param job.maxAttempts after this many failed attempts it is parked with its reason
 * @param job.priority 0 to 2^32-1, lower is more urgent (beanstalkd protocol); 1024 by default
 */
export function defineJob<const Name extends string, Data extends TObject>(job: {
  name: Name;
  version: number;
  tube: string;
  publishers: readonly string[];
  ttrSeconds: number;
  maxAttempts: number;
  priority?: number;
  data: Data;
}): JobDefinition<Name, Data> {
  return { kind: 'job', ...job, priority: job.priority ?? DEFAULT_PRIORITY };
}

/**
 * Creates a message.
 *
 * @throws InvalidMessage when `data` does not match its schema: an error of the publisher, caught before it is sent
 */
export function envelope<Definition extends MessageDefinition>(
  definition: Definition,
  data: Static<Definition['data']>,
  context: { requestId: string; traceparent?: string; actor: string | null },
): Envelope<Definition['name'], Static<Definition['data']>> {
  const message = {
    id: Bun.randomUUIDv7(),
    name: definition.name,
    version: definition.version,
    occurred_at: new Date().toISOString(),
    trace: {
      request_id: context.requestId,
      ...(context.traceparent !== undefined && { traceparent: context.traceparent }),
    },
    actor: context.actor,
    data,
  };
  if (!checkerOf(definition).Check(message)) throw invalid(definition, message);
  return message;
}

/** A message that no retry can fix. The error names fields, never their content. */
export class InvalidMessage extends Error {
  override readonly name = 'InvalidMessage';
}

/**
 * Parses a message of one of the given definitions. Unknown fields are accepted: they are additions of a newer publisher.
 *
 * @throws InvalidMessage when it is not JSON, of another definition, or does not match its schema
 */
export function parseEnvelope<Definition extends MessageDefinition>(
  definitions: readonly Definition[],
  bytes: Uint8Array,
): MessageOf<Definition> {
  const sent = readJson(bytes);
  const definition = definitions.find((known) => known.name === sent.name && known.version === sent.version);
  if (definition === undefined)
    throw new InvalidMessage(
      `name and version are not one of ${definitions.map((known) => `${known.name} v${known.version}`).join(', ')}`,
    );
  if (!satisfies(definition, sent)) throw invalid(definition, sent);
  return sent;
}

function readJson(bytes: Uint8Array): { name?: unknown; version?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    // The error of the parser quotes its input.
    throw new InvalidMessage('the message is not JSON');
  }
  if (typeof value !== 'object' || value === null)
    throw new InvalidMessage('the message is not a JSON object');
  return value;
}

function satisfies<Definition extends MessageDefinition>(
  definition: Definition,
  value: unknown,
): value is MessageOf<Definition> {
  return checkerOf(definition).Check(value);
}

function invalid(definition: MessageDefinition, value: unknown): InvalidMessage {
  const fields = [...checkerOf(definition).Errors(value)].slice(0, 5).map((error) => error.path);
  return new InvalidMessage(
    `${definition.name} v${definition.version} is invalid at ${[...new Set(fields)].join(', ')}`,
  );
}

const checkers = new WeakMap<MessageDefinition, TypeCheck<TObject>>();

/** Compiled on first use, because a process uses few of the definitions it imports. */
function checkerOf(definition: MessageDefinition): TypeCheck<TObject> {
  const known = checkers.get(definition);
  if (known) return known;
  const checker = TypeCompiler.Compile<TObject>(envelopeSchema(definition));
  checkers.set(definition, checker);
  return checker;
}

/** The JSON schema of the whole message, for validation and for the generated documentation. */
export const envelopeSchema = (definition: MessageDefinition): TObject =>
  Type.Object({
    id: Uuid,
    name: Type.Literal(definition.name),
    version: Type.Literal(definition.version),
    occurred_at: Timestamp,
    trace: Type.Object({
      request_id: Type.String({ minLength: 1, maxLength: 128 }),
      traceparent: Type.Optional(Type.String({ maxLength: 128 })),
    }),
    actor: Type.Union([Uuid, Type.Null()]),
    data: definition.data,
  });

/** Lower-case text form of a UUID: the ids of everything except posts and notifications. */
export const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });

/** Decimal form of a time-ordered 53-bit id: the ids of posts and notifications. */
export const TimeOrderedId = Type.String({ pattern: '^[1-9][0-9]{0,15}$' });

/** ISO 8601, UTC, milliseconds. */
export const Timestamp = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$',
});

/** Increases with each change of an aggregate, so that a late message cannot overwrite a newer one. */
export const AggregateVersion = Type.Integer({ minimum: 1 });
