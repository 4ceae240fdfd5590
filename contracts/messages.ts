import { type Static, type TObject, Type } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';

/** A fact that others may care about: past tense, published on a topic exchange of RabbitMQ. */
export interface EventDefinition<Name extends string = string, Data extends TObject = TObject> {
  readonly kind: 'event';
  readonly name: Name;
  readonly version: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly consumers: readonly string[];
  readonly data: Data;
}

/** Work for one worker: imperative, put into a tube of beanstalkd. */
export interface JobDefinition<Name extends string = string, Data extends TObject = TObject> {
  readonly kind: 'job';
  readonly name: Name;
  readonly version: number;
  readonly tube: string;
  readonly ttrSeconds: number;
  readonly maxAttempts: number;
  readonly priority: number;
  readonly data: Data;
}

export type MessageDefinition = EventDefinition | JobDefinition;

/** What travels: the same form for events and jobs. */
export interface Envelope<Name extends string = string, Data = unknown> {
  /** UUIDv7; stays the same however often the message is sent, so that consumers can tell a repeat. */
  readonly id: string;
  readonly name: Name;
  readonly version: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly occurred_at: string;
  readonly trace: { readonly request_id: string; readonly traceparent?: string };
  /** The id of the person who caused it; null for the system itself. */
  readonly actor: string | null;
  readonly data: Data;
}

/** The envelope of a definition; for several definitions a union told apart by `name`. */
export type MessageOf<Definition extends MessageDefinition> = Definition extends MessageDefinition
  ? Envelope<Definition['name'], Static<Definition['data']>>
  : never;

/** The local stack starts beanstalkd with this `-z`. Large things travel by reference, in events as well. */
export const MAXIMUM_MESSAGE_BYTES = 1_048_576;

/** beanstalkd calls 0 the most urgent; jobs take the middle of what its own clients use. */
const DEFAULT_PRIORITY = 1024;

/**
 * Names an event.
 *
 * Optional additions to `data` keep the version. A breaking change is a second definition of the same name with the
 * next version, published beside the first until every consumer has moved; it has a routing key of its own
 * (`user.created.v2`), so that a consumer only gets the versions it knows.
 *
 * @param exchange the durable topic exchange it is published on
 * @param consumers queues that must not miss it. Whoever publishes declares and binds them first, so that what is
 *   published before a consumer's first start waits for it, and publishes as `mandatory`. Others may bind as well and
 *   get what is published from then on; without any binding such an event goes nowhere, which is no failure.
 * @param routingKey where it is not the name, as for what only one consumer may be bound to
 */
export function defineEvent<const Name extends string, Data extends TObject>(event: {
  name: Name;
  version: number;
  exchange: string;
  consumers?: readonly string[];
  routingKey?: string;
  data: Data;
}): EventDefinition<Name, Data> {
  const plainKey = event.routingKey ?? event.name;
  return {
    kind: 'event',
    ...event,
    routingKey: event.version === 1 ? plainKey : `${plainKey}.v${event.version}`,
    consumers: event.consumers ?? [],
  };
}

/**
 * Names a job.
 *
 * @param ttrSeconds how long a worker may hold it without a sign of life before it is given to another
 * @param maxAttempts after so many failed attempts it is parked with its reason
 * @param priority lower is more urgent (beanstalkd protocol), 0 to 2^32-1
 */
export function defineJob<const Name extends string, Data extends TObject>(job: {
  name: Name;
  version: number;
  tube: string;
  ttrSeconds: number;
  maxAttempts: number;
  priority?: number;
  data: Data;
}): JobDefinition<Name, Data> {
  return { kind: 'job', ...job, priority: job.priority ?? DEFAULT_PRIORITY };
}

/**
 * Makes a new message.
 *
 * @throws InvalidMessage when `data` does not satisfy the definition: a fault of the publisher, found before it spreads
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

/** A message that will never be understood, however often it is tried. Its text names fields, never their content. */
export class InvalidMessage extends Error {
  override readonly name = 'InvalidMessage';
}

/**
 * Reads a message that is one of the given definitions. Fields that are not in the definition are let through: they
 * are additions of a newer publisher.
 *
 * @throws InvalidMessage when it is not JSON, none of the definitions, or does not satisfy its definition
 */
export function parseEnvelope<Definition extends MessageDefinition>(
  definitions: readonly Definition[],
  bytes: Uint8Array,
): MessageOf<Definition> {
  const sent = readJson(bytes);
  const definition = definitions.find((known) => known.name === sent.name && known.version === sent.version);
  if (definition === undefined)
    throw new InvalidMessage(
      `neither name nor version is one of ${definitions.map((known) => `${known.name} v${known.version}`).join(', ')}`,
    );
  if (!satisfies(definition, sent)) throw invalid(definition, sent);
  return sent;
}

function readJson(bytes: Uint8Array): { name?: unknown; version?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    // The parser's own message quotes what it read.
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
    `${definition.name} v${definition.version} is not valid at ${[...new Set(fields)].join(', ')}`,
  );
}

const checkers = new WeakMap<MessageDefinition, TypeCheck<TObject>>();

/** Compiled on first use: a process pays only for the messages it sends or reads. */
function checkerOf(definition: MessageDefinition): TypeCheck<TObject> {
  const known = checkers.get(definition);
  if (known) return known;
  const checker = TypeCompiler.Compile<TObject>(envelopeSchema(definition));
  checkers.set(definition, checker);
  return checker;
}

/** The JSON schema of the whole message, for checks and for the generated documentation. */
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

/** Lower-case text form of a UUID: people and everything else that is not a post or a notification. */
export const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });

/** Decimal form of a time-ordered 53-bit id: posts and notifications. */
export const TimeOrderedId = Type.String({ pattern: '^[1-9][0-9]{0,15}$' });

/** ISO 8601, UTC, milliseconds. */
export const Timestamp = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$',
});

/** Grows by one or more with each change of an aggregate, so that a late message cannot undo a newer one. */
export const AggregateVersion = Type.Integer({ minimum: 1 });
