import { lt, sql } from 'drizzle-orm';
import type { EventDefinition, MessageOf } from '#contracts/messages';
import { batchCalls } from '../core/queues/batches';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import { DATABASE_NOW } from '../mysql/columns';
import { type Database, inTransaction, type Transaction } from '../mysql/database';
import { isConnectionFailure } from '../mysql/failures';
import { insertRows } from '../mysql/insert-rows';
import type { MessageContext } from './delivery';
import type { Rabbit } from './rabbit/client';
import { consumeEvents, type EventConsumption } from './rabbit/consumer';
import { inbox } from './tables';

/** A message older than this is not redelivered: operators handle parked messages within two weeks. */
const RETAIN_DAYS = 14;
const TRIM_ROWS = 1_000;
const TRIM_EVERY_MS = 60 * 60_000;

/**
 * Applies the effect of a message once: the effect and its inbox row are one transaction, so a duplicate finds the row and
 * does nothing. Deadlocks are retried a bounded number of times.
 *
 * @param consumer owns the inbox row: the consumers of one database do not share them
 * @returns whether the effect was applied; false for a duplicate
 * @throws what `effect` throws; the transaction is rolled back
 */
export async function onceInTransaction(
  database: Database,
  consumer: string,
  messageId: string,
  effect: (transaction: Transaction) => Promise<void>,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    // A concurrent duplicate waits here for the commit or rollback of the first one.
    const row = { consumer, messageId, receivedAt: DATABASE_NOW };
    if ((await insertRows(transaction, inbox, [row], { ignore: true })) === 0) return false;
    await effect(transaction);
    return true;
  });
}

/**
 * Under load, batches start this far apart, so that they grow: what they keep is a count or a copy, which may be this much
 * older.
 */
const BATCH_PACE_MS = 100;

/** A message of a batch was handled before; which one is found out when they are handled one by one. */
class DuplicateInBatch extends Error {}

/**
 * Like `consumeEvents`, with an idempotent effect: `handle` receives the transaction that also records the message in the
 * inbox of `database`. The service also calls `trimInbox`, once.
 */
export function consumeEventsOnce<Definition extends EventDefinition>(
  runtime: Runtime,
  rabbit: Rabbit,
  database: Database,
  options: Omit<EventConsumption<Definition>, 'handle'> & {
    handle: (
      message: MessageOf<Definition>,
      transaction: Transaction,
      context: MessageContext,
    ) => Promise<void>;
  },
): void {
  const { handle, ...consumption } = options;
  consumeEvents(runtime, rabbit, {
    ...consumption,
    async handle(message, context) {
      const effect = (transaction: Transaction) => handle(message, transaction, context);
      const isNew = await onceInTransaction(database, options.consumer, message.id, effect);
      if (!isNew) context.log.info('Duplicate message ignored');
    },
  });
}

/**
 * Like `consumeEventsOnce` for effects that are cheaper for many messages: those that arrive within a tenth of a second share
 * a transaction and a statement for the inbox. When the handling fails, or one was handled before, each has a transaction
 * of its own.
 *
 * @param options.prefetch the largest batch
 */
export function consumeEventBatchesOnce<Definition extends EventDefinition>(
  runtime: Runtime,
  rabbit: Rabbit,
  database: Database,
  options: Omit<EventConsumption<Definition>, 'handle'> & {
    handle: (messages: readonly MessageOf<Definition>[], transaction: Transaction) => Promise<void>;
  },
): void {
  const { handle, ...consumption } = options;
  const { consumer, prefetch } = consumption;
  const once = batchCalls<MessageOf<Definition>, boolean>(
    async (messages) => {
      const [first] = messages;
      if (messages.length === 1 && first)
        return [await onceInTransaction(database, consumer, first.id, (each) => handle(messages, each))];
      await inTransaction(database, async (transaction) => {
        const rows = messages.map(({ id }) => ({ consumer, messageId: id, receivedAt: DATABASE_NOW }));
        const inserted = await insertRows(transaction, inbox, rows, { ignore: true });
        if (inserted < messages.length) throw new DuplicateInBatch();
        await handle(messages, transaction);
      });
      return messages.map(() => true);
    },
    { maxSize: prefetch, paceMs: BATCH_PACE_MS, isOutage: isConnectionFailure },
  );
  consumeEvents(runtime, rabbit, {
    ...consumption,
    async handle(message, context) {
      if (!(await once(message))) context.log.info('Duplicate message ignored');
    },
  });
}

/**
 * Deletes inbox rows older than 14 days, now and every hour until the runtime shuts down. Call it once per database.
 */
export function trimInbox(runtime: Runtime, database: Database): void {
  repeatEvery(runtime, 'trimming the inbox', { everyMs: TRIM_EVERY_MS }, async () => {
    while (!runtime.closing.aborted && (await trimOnce(database)) === TRIM_ROWS);
  });
}

async function trimOnce(database: Database): Promise<number> {
  const [result] = await database
    .delete(inbox)
    .where(lt(inbox.receivedAt, sql`${DATABASE_NOW} - interval ${RETAIN_DAYS} day`))
    .limit(TRIM_ROWS);
  return result.affectedRows;
}
