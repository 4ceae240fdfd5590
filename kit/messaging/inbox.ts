import { lt, sql } from 'drizzle-orm';
import type { EventDefinition, MessageOf } from '#contracts/messages';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import { DATABASE_NOW } from '../mysql/columns';
import { type Database, inTransaction, type Transaction } from '../mysql/database';
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
    const [inserted] = await transaction
      .insert(inbox)
      .ignore()
      .values({ consumer, messageId, receivedAt: DATABASE_NOW });
    if (inserted.affectedRows === 0) return false;
    await effect(transaction);
    return true;
  });
}

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
      const applied = await onceInTransaction(database, options.consumer, message.id, (transaction) =>
        handle(message, transaction, context),
      );
      if (!applied) context.log.info('Duplicate message ignored');
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
