import { lt, sql } from 'drizzle-orm';
import type { EventDefinition, MessageOf } from '#contracts/messages';
import { batchCalls } from '../core/queues/batches';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import { DATABASE_NOW } from '../mysql/columns';
import { type Database, inTransaction, isConnectionFailure, type Transaction } from '../mysql/database';
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

/** Under load, batches start this far apart, so that they grow. */
const BATCH_PACE_MS = 20;

/** A message of a batch was handled before; which one is found out when they are applied one by one. */
class DuplicateInBatch extends Error {}

interface Effect {
  readonly messageId: string;
  readonly run: (transaction: Transaction) => Promise<void>;
}

/**
 * Like `onceInTransaction` for the messages of concurrent calls, of which many share a transaction: the rows of the inbox are
 * written with one statement. When an effect fails, or a message was handled before, each has a transaction of its own.
 */
function onceInBatches(database: Database, consumer: string, maxSize: number) {
  return batchCalls<Effect, boolean>(
    async (batch) => {
      const [first] = batch;
      if (batch.length === 1 && first)
        return [await onceInTransaction(database, consumer, first.messageId, first.run)];
      await inTransaction(database, async (transaction) => {
        const [inserted] = await transaction
          .insert(inbox)
          .ignore()
          .values(batch.map(({ messageId }) => ({ consumer, messageId, receivedAt: DATABASE_NOW })));
        if (inserted.affectedRows < batch.length) throw new DuplicateInBatch();
        for (const { run } of batch) await run(transaction);
      });
      return batch.map(() => true);
    },
    { maxSize, paceMs: BATCH_PACE_MS, isOutage: isConnectionFailure },
  );
}

/**
 * Like `consumeEvents`, with an idempotent effect: `handle` receives the transaction that also records the message in the
 * inbox of `database`. The service also calls `trimInbox`, once.
 *
 * @param options.batch messages that share a transaction under load; 1 by default. An effect holds its locks until those of
 *   the others are applied, so it must be short.
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
    batch?: number;
  },
): void {
  const { handle, batch = 1, ...consumption } = options;
  const once = onceInBatches(database, options.consumer, batch);
  consumeEvents(runtime, rabbit, {
    ...consumption,
    async handle(message, context) {
      const run = (transaction: Transaction) => handle(message, transaction, context);
      const applied =
        batch === 1
          ? await onceInTransaction(database, options.consumer, message.id, run)
          : await once({ messageId: message.id, run });
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
