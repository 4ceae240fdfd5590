import type { Static } from '@sinclair/typebox';
import { envelope, InvalidMessage, MAXIMUM_MESSAGE_BYTES, type MessageDefinition } from '#contracts/messages';
import { DATABASE_NOW } from '../mysql/columns';
import type { Transaction } from '../mysql/database';
import { startPublishingSpan } from './publishing-span';
import { type OutboxRouting, outbox } from './tables';

export interface OutboxEntry {
  readonly destination: 'rabbitmq' | 'beanstalkd';
  readonly messageId: string;
  readonly name: string;
  readonly payload: string;
  readonly erasePayload: boolean;
  readonly headers: OutboxRouting;
  readonly aggregate: Aggregate;
}

/** What a message is about. Messages of one aggregate to one broker are sent in the order they were written. */
export interface Aggregate {
  readonly type: string;
  readonly id: string;
  readonly version: number;
}

/**
 * Makes an outbox entry of an event or a job, with the trace of whatever is running now.
 *
 * @param actor the id of the person who causes it; null for the system
 * @param delaySeconds jobs only: how long beanstalkd holds the job back, counted from now
 * @param erasePayload whether the payload is blanked once the broker has confirmed it
 * @throws InvalidMessage when `data` does not satisfy the definition, or is too big for a broker to ever take it
 */
export function outboxEntry<Definition extends MessageDefinition>(
  definition: Definition,
  data: Static<Definition['data']>,
  options: { aggregate: Aggregate; actor: string | null; delaySeconds?: number; erasePayload?: boolean },
): OutboxEntry {
  const { trace, publishing } = startPublishingSpan();
  const message = envelope(definition, data, { ...trace, actor: options.actor });
  const payload = JSON.stringify(message);
  if (Buffer.byteLength(payload) > MAXIMUM_MESSAGE_BYTES)
    throw new InvalidMessage(`${definition.name} is bigger than ${MAXIMUM_MESSAGE_BYTES} bytes`);
  return {
    destination: definition.kind === 'event' ? 'rabbitmq' : 'beanstalkd',
    messageId: message.id,
    name: definition.name,
    payload,
    erasePayload: options.erasePayload ?? false,
    headers: {
      ...routingOf(definition, options.delaySeconds),
      ...(publishing && { publishing }),
    },
    aggregate: options.aggregate,
  };
}

/**
 * Writes messages with the change they tell of: both or neither. The rows of one aggregate must be written while that
 * aggregate is locked (its row updated or selected for update before), so that the order of rows is that of commits.
 * After the commit call the relay's `wake`.
 *
 * @param transaction the one that makes the change
 */
export async function writeOutbox(transaction: Transaction, entries: readonly OutboxEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await transaction.insert(outbox).values(
    entries.map(({ aggregate, ...entry }) => ({
      ...entry,
      aggregateType: aggregate.type,
      aggregateId: aggregate.id,
      aggregateVersion: aggregate.version,
      createdAt: DATABASE_NOW,
      availableAt: DATABASE_NOW,
    })),
  );
}

function routingOf(definition: MessageDefinition, delaySeconds = 0): OutboxRouting {
  if (definition.kind === 'event')
    return {
      exchange: definition.exchange,
      routing_key: definition.routingKey,
      consumers: definition.consumers,
    };
  return {
    tube: definition.tube,
    priority: definition.priority,
    ttr_seconds: definition.ttrSeconds,
    ...(delaySeconds > 0 && { due_at: new Date(Date.now() + delaySeconds * 1000).toISOString() }),
  };
}
