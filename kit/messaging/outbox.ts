import type { Static } from '@sinclair/typebox';
import { envelope, InvalidMessage, MAX_MESSAGE_BYTES, type MessageDefinition } from '#contracts/messages';
import { DATABASE_NOW } from '../mysql/columns';
import type { Transaction } from '../mysql/database';
import { insertRows } from '../mysql/insert-rows';
import { startPublishingSpan } from './publishing-span';
import { type OutboxRouting, outbox } from './tables';

export interface OutboxEntry {
  readonly destination: 'rabbitmq' | 'beanstalkd';
  readonly messageId: string;
  readonly name: string;
  readonly payload: string;
  readonly headers: OutboxRouting;
  readonly aggregate: Aggregate;
}

/** The aggregate a message belongs to. Its messages to one broker are sent in the order they were written. */
export interface Aggregate {
  readonly type: string;
  readonly id: string;
  readonly version: number;
}

/**
 * Creates the outbox entry of an event or a job, with the current trace.
 *
 * @param options.actor the id of the user who causes it; null for the system
 * @param options.delaySeconds jobs only: how long beanstalkd delays the job, from now
 * @throws InvalidMessage when `data` does not match its schema, or the message is too large for the brokers
 */
export function outboxEntry<Definition extends MessageDefinition>(
  definition: Definition,
  data: Static<Definition['data']>,
  options: { aggregate: Aggregate; actor: string | null; delaySeconds?: number },
): OutboxEntry {
  const { trace, publishing } = startPublishingSpan();
  const message = envelope(definition, data, { ...trace, actor: options.actor });
  const payload = JSON.stringify(message);
  if (Buffer.byteLength(payload) > MAX_MESSAGE_BYTES)
    throw new InvalidMessage(`${definition.name} is larger than ${MAX_MESSAGE_BYTES} bytes`);
  return {
    destination: definition.kind === 'event' ? 'rabbitmq' : 'beanstalkd',
    messageId: message.id,
    name: definition.name,
    payload,
    headers: {
      ...routingOf(definition, options.delaySeconds),
      ...(publishing && { publishing }),
    },
    aggregate: options.aggregate,
  };
}

/**
 * Writes messages atomically with the change they report. The rows of an aggregate must be written while that aggregate is
 * locked (its row updated, or selected for update, before), so that the order of rows is the order of commits. Call the
 * relay's `wake` after the commit.
 *
 * @param transaction the transaction of the change
 */
export async function writeOutbox(transaction: Transaction, entries: readonly OutboxEntry[]): Promise<void> {
  await insertRows(
    transaction,
    outbox,
    entries.map(({ aggregate, ...entry }) => ({
      ...entry,
      // For a relay of the version before, which erased only what it was told to.
      erasePayload: true,
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
